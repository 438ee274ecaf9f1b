//! Where followed lines go.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::websocket::WebSocket;

/// One who does not take what is sent is let go.
const SEND_MAX: Duration = Duration::from_secs(10);

pub(super) enum Outlet {
    Socket(WebSocket),
    /// A line for each message.
    Lines(mpsc::Sender<Bytes>),
}

impl Outlet {
    pub(super) async fn send(&mut self, message: &Value) -> io::Result<()> {
        match self {
            Outlet::Socket(socket) => socket.send(&message.to_string()).await,
            Outlet::Lines(lines) => {
                let sent = timeout(SEND_MAX, lines.send(format!("{message}\n").into())).await;
                match sent {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
        }
    }

    /// Waits; an error when the other side goes meanwhile.
    pub(super) async fn wait(&mut self, until: impl Future<Output = ()>) -> io::Result<()> {
        match self {
            Outlet::Socket(socket) => socket.wait(until).await,
            Outlet::Lines(lines) => tokio::select! {
                () = until => Ok(()),
                () = lines.closed() => Err(io::ErrorKind::BrokenPipe.into()),
            },
        }
    }

    pub(super) async fn close(&mut self) {
        if let Outlet::Socket(socket) = self {
            socket.close().await;
        }
    }
}
