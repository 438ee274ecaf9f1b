use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

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
