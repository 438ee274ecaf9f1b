use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::{Permit, Serving};
use crate::Refusal;
use crate::limits::Limits;
use crate::stream::{Activity, Doing};
use ondol_model::Time;

/// One client connection.
pub(crate) struct Client {
    pub serving: Rc<Serving>,
    /// Its address; of IPv4 also when it came by an IPv6 socket.
    pub ip: IpAddr,
    pub activity: Arc<Activity>,
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
            _permit: permit,
        }
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
            if open.task.is_finished() {
                return false;
            }
            let (doing, since) = open.activity.get();
            let quiet = now.since(since);
            let keep = match doing {
                Doing::Idle if open.serving.is_closing() => quiet < limits.closing_idle_time_max,
                Doing::Idle => quiet < limits.idle_time_max,
                Doing::Head => quiet < limits.head_time_max,
                Doing::Busy => true,
            };
            if !keep {
                open.task.abort();
                if doing == Doing::Head {
                    open.serving.count_refusal(Refusal::ClientTooSlow);
                }
            }
            keep
        });
    }
}
