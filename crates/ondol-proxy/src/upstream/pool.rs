use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use ondol_model::Time;

use super::bare::BarePool;
use super::http2_form;
use crate::http::Upload;
use crate::limits::Limits;

/// Connections to one endpoint that can take a request, by address: its ports may be anywhere.
#[derive(Default)]
pub(crate) struct Pool {
    /// HTTP/1, idle.
    idle: RefCell<BTreeMap<SocketAddr, Vec<Idle>>>,
    /// HTTP/2, in use by others or not.
    shared: RefCell<BTreeMap<SocketAddr, Vec<Shared>>>,
    /// HTTP/1, idle, of those who read and write it themselves.
    pub bare: BarePool,
}

/// A connection and when it was opened.
pub(crate) struct Pooled {
    pub sender: Sender,
    pub opened: Time,
}

/// The sending end of a connection.
pub(crate) enum Sender {
    /// HTTP/1: one request after another.
    Alone(http1::SendRequest<Upload>),
    /// HTTP/2: one of several requests at once.
    Shared {
        sender: http2::SendRequest<Upload>,
        _stream: Stream,
    },
}

/// One request on a connection of HTTP/2; counted until it is dropped.
pub(crate) struct Stream(Rc<Streams>);

/// The requests of one connection of HTTP/2.
#[derive(Default)]
struct Streams {
    open: Cell<u32>,
}

/// No answer came.
pub(crate) struct Unanswered {
    /// The request, when nothing of it was sent.
    pub unsent: Option<Box<Request<Upload>>>,
    /// The client broke off its body: the endpoint has done nothing wrong.
    pub by_client: bool,
}

struct Idle {
    connection: Pooled,
    since: Time,
}

struct Shared {
    sender: http2::SendRequest<Upload>,
    streams: Rc<Streams>,
    opened: Time,
    used: Time,
}

impl Pooled {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Box<Request<Upload>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let sent = match &mut self.sender {
            Sender::Alone(sender) => sender.try_send_request(*request).await,
            Sender::Shared { sender, .. } => {
                let request = http2_form::of_request(*request);
                // On the heap, so that the way of HTTP/1 does not carry it.
                Box::pin(sender.try_send_request(request)).await
            }
        };
        sent.map_err(|mut failed| Unanswered {
            unsent: failed.take_message().map(Box::new),
            by_client: failed.error().is_user(),
        })
    }
}

impl Sender {
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Sender::Alone(sender) => sender.is_ready(),
            Sender::Shared { sender, .. } => sender.is_ready(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Sender::Alone(sender) => sender.is_closed(),
            Sender::Shared { sender, .. } => sender.is_closed(),
        }
    }

    pub(crate) async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Sender::Alone(sender) => sender.ready().await,
            Sender::Shared { sender, .. } => sender.ready().await,
        }
    }
}

impl Stream {
    fn of(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Stream(streams.clone())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

impl Shared {
    fn is_usable(&self, limits: &Limits, now: Time) -> bool {
        self.sender.is_ready() && now.since(self.opened) <= limits.pool_age_max
    }
}

impl Pool {
    /// The connection of HTTP/1 that was used last, when it was used within `idle_max`. The endpoint may have closed
    /// the others.
    pub(crate) fn take(
        &self,
        address: SocketAddr,
        idle_max: Duration,
        now: Time,
    ) -> Option<Pooled> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&address)?;
        loop {
            let last = connections.last()?;
            if now.since(last.since) > idle_max {
                return None;
            }
            let connection = connections.pop()?.connection;
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
    }

    /// The connection of HTTP/2 that has the fewest requests, when it can have another.
    pub(crate) fn share(&self, address: SocketAddr, limits: &Limits, now: Time) -> Option<Pooled> {
        let mut shared = self.shared.borrow_mut();
        let connections = shared.get_mut(&address)?;
        connections.retain(|connection| connection.is_usable(limits, now));
        let least = connections
            .iter_mut()
            .min_by_key(|connection| connection.streams.open.get())?;
        // An endpoint that allows fewer lets the others wait: hyper keeps to what it says.
        if least.streams.open.get() >= limits.streams_per_connection_max {
            return None;
        }
        least.used = now;
        Some(Pooled {
            sender: Sender::Shared {
                sender: least.sender.clone(),
                _stream: Stream::of(&least.streams),
            },
            opened: least.opened,
        })
    }

    /// Keeps a new connection of HTTP/2 for everybody, and uses it for one request.
    pub(crate) fn add_shared(
        &self,
        address: SocketAddr,
        sender: http2::SendRequest<Upload>,
        now: Time,
    ) -> Pooled {
        let streams = Rc::<Streams>::default();
        let pooled = Pooled {
            sender: Sender::Shared {
                sender: sender.clone(),
                _stream: Stream::of(&streams),
            },
            opened: now,
        };
        let shared = Shared {
            sender,
            streams,
            opened: now,
            used: now,
        };
        let mut all = self.shared.borrow_mut();
        all.entry(address).or_default().push(shared);
        pooled
    }

    /// Keeps a connection that is ready for another request.
    pub(crate) fn put(&self, address: SocketAddr, connection: Pooled, limits: &Limits, now: Time) {
        let is_shared = matches!(connection.sender, Sender::Shared { .. });
        if is_shared || now.since(connection.opened) > limits.pool_age_max {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let connections = idle.entry(address).or_default();
        if connections.len() < limits.pool_idle_max {
            connections.push(Idle {
                connection,
                since: now,
            });
        }
    }

    /// Closes what was idle for too long.
    pub(crate) fn sweep(&self, limits: &Limits, now: Time) {
        self.bare.sweep(limits, now);
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain(|idle| {
                now.since(idle.since) <= limits.pool_idle_time_max
                    && !idle.connection.sender.is_closed()
            });
            !connections.is_empty()
        });
        self.shared.borrow_mut().retain(|_, connections| {
            connections.retain(|shared| {
                let idle = shared.streams.open.get() == 0
                    && now.since(shared.used) > limits.pool_shared_idle_time_max;
                !idle && shared.is_usable(limits, now)
            });
            !connections.is_empty()
        });
    }

    pub(crate) fn clear(&self) {
        self.bare.clear();
        self.clear_spoken();
    }

    /// Closes all but the bare ones: how they began, by TLS above all, may be what changes.
    pub(super) fn clear_spoken(&self) {
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::DuplexStream;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    const AT: &str = "10.77.0.2:80";
    const LIMITS: Limits = Limits::DEFAULT;

    async fn connect(opened: Time) -> (Pooled, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(ours));
        let (mut sender, connection) = handshake.await.unwrap();
        spawn_local(connection);
        sender.ready().await.unwrap();
        (
            Pooled {
                sender: Sender::Alone(sender),
                opened,
            },
            theirs,
        )
    }

    #[tokio::test]
    async fn a_connection_is_used_again_while_it_is_fresh_and_open() {
        let test = async {
            let (pool, address) = (Pool::default(), AT.parse().unwrap());
            let (first, _kept) = connect(Time::ZERO).await;
            let second = Time::from_secs(1);
            pool.put(address, first, &LIMITS, Time::ZERO);
            let brief = LIMITS.pool_idle_time_unrepeatable_max / 2;
            assert!(
                pool.take(address, brief, second).is_none(),
                "idle for too long"
            );
            assert!(
                pool.take("10.77.0.3:80".parse().unwrap(), brief, second)
                    .is_none()
            );
            assert!(
                pool.take(address, LIMITS.pool_idle_time_max, second)
                    .is_some()
            );
            assert!(
                pool.take(address, LIMITS.pool_idle_time_max, second)
                    .is_none()
            );

            let (closed, theirs) = connect(Time::ZERO).await;
            pool.put(address, closed, &LIMITS, Time::ZERO);
            drop(theirs);
            yield_now().await;
            assert!(
                pool.take(address, LIMITS.pool_idle_time_max, Time::ZERO)
                    .is_none()
            );
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn old_and_superfluous_connections_are_closed() {
        let test = async {
            let (pool, address) = (Pool::default(), AT.parse().unwrap());
            let late = Time::ZERO + LIMITS.pool_age_max + LIMITS.pool_idle_time_max;
            let (old, _kept) = connect(Time::ZERO).await;
            pool.put(address, old, &LIMITS, late);
            assert!(
                pool.take(address, LIMITS.pool_idle_time_max, late)
                    .is_none()
            );

            let mut kept = Vec::new();
            for _ in 0..LIMITS.pool_idle_max + 5 {
                let (connection, theirs) = connect(late).await;
                pool.put(address, connection, &LIMITS, late);
                kept.push(theirs);
            }
            let count = || pool.idle.borrow().get(&address).map_or(0, Vec::len);
            assert_eq!(count(), LIMITS.pool_idle_max);
            pool.sweep(&LIMITS, late + LIMITS.pool_idle_time_max);
            assert_eq!(count(), LIMITS.pool_idle_max);
            pool.sweep(&LIMITS, late + LIMITS.pool_idle_time_max * 2);
            assert_eq!(count(), 0);
        };
        LocalSet::new().run_until(test).await;
    }
}
