//! The HTTP server: sockets, connections, and what a request and an answer are here.

mod answer;
mod ask;
mod lines;
mod params;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub(crate) use answer::{Answer, Body, status_of};
pub(crate) use ask::{Ask, Door};
pub(crate) use params::Params;

use crate::router;
use crate::shared::Shared;

/// Connections at the same time; the next one waits until one has ended.
const CONNECTIONS_MAX: usize = 256;
/// Calls at the same time on one connection of HTTP/2.
const STREAMS_MAX: u32 = 64;
/// A connection on which nothing is asked for so long is ended.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// Answers that are under way when the service leaves may take so long.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// Before a socket is tried again that had no connection to give: no file descriptors are left, usually.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where it listens.
pub(crate) enum Socket {
    Tcp(std::net::TcpListener, Door),
    Unix(std::os::unix::net::UnixListener),
}

/// Serves on each socket that comes, until it is told to leave.
pub(crate) async fn run(
    mut sockets: mpsc::UnboundedReceiver<Socket>,
    shared: Shared,
    mut leave: watch::Receiver<bool>,
) {
    let server = Server {
        shared,
        room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        leave: leave.clone(),
    };
    let mut accepting = Vec::new();
    loop {
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => break,
            Some(socket) = sockets.recv() => {
                accepting.push(tokio::spawn(server.clone().accept(socket)));
            }
        }
    }
    for task in accepting {
        task.abort();
    }
    // What takes longer is cut off: the node leaves.
    let all_gone = server.room.acquire_many(CONNECTIONS_MAX as u32);
    let _ = tokio::time::timeout(LEAVE_MAX, all_gone).await;
}

#[derive(Clone)]
struct Server {
    shared: Shared,
    room: Arc<Semaphore>,
    leave: watch::Receiver<bool>,
}

impl Server {
    async fn accept(self, socket: Socket) {
        match socket {
            Socket::Tcp(listener, door) => {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                while let Ok(room) = self.room.clone().acquire_owned().await {
                    match listener.accept().await {
                        Ok((stream, _)) => self.serve(stream, door, room),
                        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    }
                }
            }
            Socket::Unix(listener) => {
                let Ok(listener) = tokio::net::UnixListener::from_std(listener) else {
                    return;
                };
                while let Ok(room) = self.room.clone().acquire_owned().await {
                    match listener.accept().await {
                        Ok((stream, _)) => self.serve(stream, Door::Owner, room),
                        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    }
                }
            }
        }
    }

    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        door: Door,
        room: OwnedSemaphorePermit,
    ) {
        let (shared, mut leave) = (self.shared.clone(), self.leave.clone());
        let answer = move |request: http::Request<Incoming>| {
            let shared = shared.clone();
            async move {
                let ask = Ask::new(request, door);
                let (packs, head_only) = (ask.takes_gzip(), ask.method() == http::Method::HEAD);
                let answer = router::answer(ask, &shared).await;
                Ok::<Response<Body>, Infallible>(answer.finish(packs, head_only))
            }
        };
        let connection = builder()
            .serve_connection_with_upgrades(TokioIo::new(stream), service_fn(answer))
            .into_owned();
        let left = async move { drop(leave.wait_for(|leave| *leave).await) };
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // How a connection ends is its client's matter.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = left => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(room);
        });
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    (builder.http1())
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX);
    (builder.http2())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(IDLE_MAX);
    builder
}
