use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{ListenerId, Transport};
use rustix::net::Shutdown;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Client, Order, Permit, Serving, Shard};
use crate::control::Ack;
use crate::stream::Activity;
use crate::upstream::add;
use crate::{Refusal, http, tunnel, udp};

/// When the process has no file left: until some connection was closed.
const PAUSE_WITHOUT_FILES: Duration = Duration::from_millis(20);

/// A listening socket of this worker. Dropped, it accepts no more; the socket stays with whoever else holds it.
pub(crate) struct Door {
    closing: oneshot::Sender<Arc<Ack>>,
}

/// A connection that was accepted for another worker.
pub(crate) struct Arrival {
    listener: ListenerId,
    stream: std::net::TcpStream,
    peer: SocketAddr,
    permit: Permit,
}

impl Door {
    pub(super) fn open(
        shard: &Rc<Shard>,
        serving: &Rc<Serving>,
        id: ListenerId,
        transport: Transport,
        socket: &OwnedFd,
    ) -> io::Result<Door> {
        let (shard, serving) = (shard.clone(), serving.clone());
        let (closing, closed) = oneshot::channel();
        match transport {
            Transport::Tcp => {
                let listener = std::net::TcpListener::from(socket.try_clone()?);
                listener.set_nonblocking(true)?;
                let listener = TcpListener::from_std(listener)?;
                tokio::task::spawn_local(async move {
                    let ack = tokio::select! {
                        () = accept(&shard, &serving, id, &listener) => return,
                        ack = closed => ack,
                    };
                    if ack.is_ok() {
                        close(&shard, &serving, id, &listener).await;
                    }
                    // Only then does the node hear that it is closed.
                    drop(listener);
                    drop(ack);
                });
            }
            Transport::Udp => {
                let socket = std::net::UdpSocket::from(socket.try_clone()?);
                socket.set_nonblocking(true)?;
                let socket = UdpSocket::from_std(socket)?;
                tokio::task::spawn_local(async move {
                    tokio::select! {
                        () = udp::relay(shard, serving, socket) => {}
                        _ = closed => {}
                    }
                });
            }
        }
        Ok(Door { closing })
    }

    /// Nobody serves this address any more: what has been connected is accepted, and then everybody is refused,
    /// whoever holds the socket besides. `ack` is let go of when that is done.
    pub(super) fn close_for_good(self, ack: Arc<Ack>) {
        // It cannot have ended before: accepting never does.
        let _ = self.closing.send(ack);
    }
}

async fn accept(shard: &Rc<Shard>, serving: &Rc<Serving>, id: ListenerId, listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => take(shard, serving, id, stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => {
                serving.count_refusal(Refusal::TooManyConnections);
                tokio::time::sleep(PAUSE_WITHOUT_FILES).await;
            }
        }
    }
}

async fn close(shard: &Rc<Shard>, serving: &Rc<Serving>, id: ListenerId, listener: &TcpListener) {
    while let Ok(Ok((stream, peer))) = timeout(Duration::ZERO, listener.accept()).await {
        take(shard, serving, id, stream, peer);
    }
    // Fails only when it is shut already.
    let _ = rustix::net::shutdown(listener, Shutdown::Both);
}

/// Gives a new connection to the worker that has the fewest.
fn take(
    shard: &Rc<Shard>,
    serving: &Rc<Serving>,
    id: ListenerId,
    stream: TcpStream,
    peer: SocketAddr,
) {
    add(&serving.accepted, 1);
    let index = shard.crew.least_loaded(shard.index);
    let max = shard.limits.connections_per_listener_max;
    let Some(permit) = shard.crew.permit(&serving.open, index, max) else {
        serving.count_refusal(Refusal::TooManyConnections);
        return;
    };
    if index == shard.index {
        welcome(shard, serving.clone(), stream, peer, permit);
    } else if let Ok(stream) = stream.into_std() {
        let arrival = Arrival {
            listener: id,
            stream,
            peer,
            permit,
        };
        shard.crew.order(index, Order::Take(arrival));
    }
}

/// Serves a connection that another worker accepted.
pub(super) fn serve(shard: &Rc<Shard>, arrival: Arrival) {
    let Arrival {
        listener,
        stream,
        peer,
        permit,
    } = arrival;
    // A listener that was closed meanwhile is still known for a while.
    if let (Some(serving), Ok(stream)) = (shard.serving(listener), TcpStream::from_std(stream)) {
        welcome(shard, serving, stream, peer, permit);
    }
}

fn welcome(
    shard: &Rc<Shard>,
    serving: Rc<Serving>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let activity = Activity::new(shard.coarse.clone());
    let place = shard.clients.enter();
    let at = place.at();
    let client = Client::new(serving.clone(), peer.ip(), activity.clone(), permit, place);
    let begun = Box::pin(tunnel::begin(shard.clone(), client, stream));
    let task = tokio::task::spawn_local(http::serve(begun));
    shard
        .clients
        .add(at, serving, activity, task.abort_handle());
}

/// An error that is about the connection that would have been accepted, not about accepting (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
