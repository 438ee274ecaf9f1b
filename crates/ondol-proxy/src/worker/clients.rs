use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{ServiceName, Time};
use tokio::task::AbortHandle;

use super::{Permit, Serving, Shard, Target};
use crate::Refusal;
use crate::limits::Limits;
use crate::stream::{Activity, Doing};
use crate::welcome::Secured;

/// One client connection.
pub(crate) struct Client {
    pub serving: Rc<Serving>,
    /// Its address; of IPv4 also when it came by an IPv6 socket.
    pub ip: IpAddr,
    pub activity: Arc<Activity>,
    /// What it showed, when it came by TLS.
    pub secured: Option<Secured>,
    /// Held as long as anybody works for this client.
    _permit: Permit,
}

impl Client {
    pub(crate) fn new(
        serving: Rc<Serving>,
        ip: IpAddr,
        activity: Arc<Activity>,
        permit: Permit,
    ) -> Self {
        Client {
            serving,
            ip: ip.to_canonical(),
            activity,
            secured: None,
            _permit: permit,
        }
    }

    /// The service that it belongs to, as far as its address says so.
    pub(crate) fn caller(&self, shard: &Shard) -> Option<ServiceName> {
        match &*self.serving.target() {
            Target::Service {
                callers: Some(callers),
                ..
            } => callers.named(self.ip, shard.owner(self.ip)),
            _ => None,
        }
    }

    /// It is another one, for which the one that connected speaks.
    pub(crate) fn come_from(&mut self, ip: IpAddr) {
        self.ip = ip.to_canonical();
    }
}

struct Open {
    serving: Rc<Serving>,
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// The open connections of a worker.
#[derive(Default)]
pub(crate) struct Clients {
    next: Cell<u64>,
    open: RefCell<BTreeMap<u64, Open>>,
}

impl Clients {
    /// Names a connection that is about to be served.
    pub(crate) fn number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    pub(crate) fn add(
        &self,
        number: u64,
        serving: Rc<Serving>,
        activity: Arc<Activity>,
        task: AbortHandle,
    ) {
        let open = Open {
            serving,
            activity,
            task,
        };
        self.open.borrow_mut().insert(number, open);
    }

    pub(crate) fn remove(&self, number: u64) {
        self.open.borrow_mut().remove(&number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Ends connections whose client took too long, and idle ones of closed listeners.
    pub(crate) fn sweep(&self, limits: &Limits, now: Time) {
        self.open.borrow_mut().retain(|_, open| {
            let (doing, since) = open.activity.get();
            let late = is_late(doing, now.since(since), open.serving.is_closing(), limits);
            let stalled = open.activity.stalled_since();
            let stalled = stalled.is_some_and(|since| now.since(since) >= limits.stall_time_max);
            if late || stalled {
                open.task.abort();
            }
            if stalled {
                open.serving.count_refusal(Refusal::ClientStalled);
            } else if late && doing == Doing::Head {
                open.serving.count_refusal(Refusal::ClientTooSlow);
            }
            !late && !stalled && !open.task.is_finished()
        });
    }
}

/// Whether a client that has been `doing` the same thing for `quiet` is not waited for any more.
fn is_late(doing: Doing, quiet: Duration, closing: bool, limits: &Limits) -> bool {
    match doing {
        Doing::Idle if closing => quiet >= limits.closing_idle_time_max,
        Doing::Idle => quiet >= limits.idle_time_max,
        Doing::Head => quiet >= limits.head_time_max,
        Doing::Busy => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_head_ends_sooner_than_an_idle_connection_and_work_never() {
        let late = |doing, seconds, closing| {
            is_late(
                doing,
                Duration::from_secs(seconds),
                closing,
                &Limits::DEFAULT,
            )
        };
        assert!(!late(Doing::Head, 14, false) && late(Doing::Head, 15, false));
        assert!(!late(Doing::Idle, 74, false) && late(Doing::Idle, 75, false));
        assert!(!late(Doing::Idle, 4, true) && late(Doing::Idle, 5, true));
        assert!(!late(Doing::Busy, 1_000_000, true));
    }
}
