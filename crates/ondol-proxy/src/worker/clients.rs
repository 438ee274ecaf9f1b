use std::cell::{Cell, RefCell};
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
    _place: Place,
}

impl Client {
    pub(crate) fn new(
        serving: Rc<Serving>,
        ip: IpAddr,
        activity: Arc<Activity>,
        permit: Permit,
        place: Place,
    ) -> Self {
        Client {
            serving,
            ip: ip.to_canonical(),
            activity,
            secured: None,
            _permit: permit,
            _place: place,
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
    begun: Cell<u64>,
    places: RefCell<Vec<Option<Open>>>,
    free: RefCell<Vec<usize>>,
}

/// The place of one of them, which is free again when this is dropped.
pub(crate) struct Place {
    clients: Rc<Clients>,
    at: usize,
}

impl Clients {
    /// Takes a place for a connection that is about to be served.
    pub(crate) fn enter(self: &Rc<Self>) -> Place {
        let at = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut places = self.places.borrow_mut();
            places.push(None);
            places.len() - 1
        });
        let clients = self.clone();
        Place { clients, at }
    }

    /// It is served at this place.
    pub(crate) fn add(
        &self,
        at: usize,
        serving: Rc<Serving>,
        activity: Arc<Activity>,
        task: AbortHandle,
    ) {
        let open = Open {
            serving,
            activity,
            task,
        };
        if let Some(place) = self.places.borrow_mut().get_mut(at) {
            *place = Some(open);
        }
    }

    /// Another number for each who asks.
    pub(crate) fn number(&self) -> u64 {
        self.begun.set(self.begun.get() + 1);
        self.begun.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.borrow().iter().all(Option::is_none)
    }

    /// Ends connections whose client took too long, and idle ones of closed listeners.
    pub(crate) fn sweep(&self, limits: &Limits, now: Time) {
        for open in self.places.borrow().iter().flatten() {
            let (doing, since) = open.activity.get();
            let late = is_late(doing, now.since(since), open.serving.is_closing(), limits);
            let stalled = open.activity.stalled_since();
            let stalled = stalled.is_some_and(|since| now.since(since) >= limits.stall_time_max);
            if open.task.is_finished() || !late && !stalled {
                continue;
            }
            // Its place is free as soon as its task is gone.
            open.task.abort();
            if stalled {
                open.serving.count_refusal(Refusal::ClientStalled);
            } else if doing == Doing::Head {
                open.serving.count_refusal(Refusal::ClientTooSlow);
            }
        }
    }
}

impl Place {
    /// Its number.
    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.clients.places.borrow_mut();
        let left = places.get_mut(self.at).and_then(Option::take);
        drop(places);
        drop(left);
        self.clients.free.borrow_mut().push(self.at);
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
