use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use ondol_model::Time;

use crate::http::Upload;
use crate::limits::Limits;

/// The sending end of one HTTP/1 connection to an endpoint.
pub(crate) type Sender = SendRequest<Upload>;

/// Idle connections to one endpoint, by address: its ports may be anywhere.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<BTreeMap<SocketAddr, Vec<Idle>>>,
}

/// A connection and when it was opened.
pub(crate) struct Pooled {
    pub sender: Sender,
    pub opened: Time,
}

/// No answer came.
pub(crate) struct Unanswered {
    /// The request, when nothing of it was sent.
    pub unsent: Option<Request<Upload>>,
    /// The client broke off its body: the endpoint has done nothing wrong.
    pub by_client: bool,
}

impl Pooled {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let sent = self.sender.try_send_request(request).await;
        sent.map_err(|mut failed| Unanswered {
            unsent: failed.take_message(),
            by_client: failed.error().is_user(),
        })
    }
}

struct Idle {
    connection: Pooled,
    since: Time,
}

impl Pool {
    /// The connection that was used last, when it was used within `idle_max`. The endpoint may have closed the others.
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

    /// Keeps a connection that is ready for another request.
    pub(crate) fn put(&self, address: SocketAddr, connection: Pooled, limits: &Limits, now: Time) {
        if now.since(connection.opened) > limits.pool_age_max {
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
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain(|idle| {
                now.since(idle.since) <= limits.pool_idle_time_max
                    && !idle.connection.sender.is_closed()
            });
            !connections.is_empty()
        });
    }

    pub(crate) fn clear(&self) {
        self.idle.borrow_mut().clear();
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
        (Pooled { sender, opened }, theirs)
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
