use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_model::{EndpointTable, ListenerId, ReplicaId, RunId};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Arrival, Report};
use crate::awaited::Awaited;
use crate::clock::Clock;
use crate::compiled::Compiled;
use crate::control::Ack;
use crate::entrance::Wires;
use crate::gate::Gates;
use crate::signals::{Gathered, LogWriter};

/// All workers, as everybody sees them: their inboxes and how much they have to do.
pub(crate) struct Crew {
    workers: Vec<Desk>,
    /// What stands before the routes.
    pub gates: Gates,
    /// One for all: what they know together has times in it.
    pub clock: Clock,
    /// Where access logs are written.
    pub log: Arc<LogWriter>,
    /// Told when a worker has many records that nobody has collected.
    pub records: Notify,
    /// What requests wait for that may sleep.
    pub awaited: Arc<Awaited>,
}

struct Desk {
    orders: mpsc::UnboundedSender<Order>,
    /// Open connections.
    load: Arc<AtomicU32>,
}

/// What a worker is told to do. Orders from one sender are done in order.
pub(crate) enum Order {
    /// Serve this snapshot: close what is not in it.
    Configure(Arc<Compiled>, Arc<Wires>, Arc<Ack>),
    /// Accept connections of this listener.
    Open(ListenerId, Arc<OwnedFd>, Arc<Ack>),
    /// Replace the endpoints of a service.
    Endpoints(Arc<EndpointTable>, Arc<Ack>),
    /// Let go of the acknowledgement when nothing is in flight to this start of a replica.
    AwaitDrained(ReplicaId, RunId, Arc<Ack>),
    /// Serve a connection that another worker accepted.
    Take(Arrival),
    /// Say what was done.
    Report(oneshot::Sender<Report>),
    /// Hand over what was noted of requests.
    Collect(oneshot::Sender<Gathered>),
    /// Accept nothing more, let requests finish, end.
    Quit,
}

/// The right to one open connection; counts it for its listener and its worker until it is dropped.
pub(crate) struct Permit {
    listener: Arc<AtomicU32>,
    worker: Arc<AtomicU32>,
}

impl Crew {
    pub(crate) fn new(count: usize, gates: Gates) -> (Self, Vec<mpsc::UnboundedReceiver<Order>>) {
        let (workers, inboxes) = (0..count.max(1))
            .map(|_| {
                let (orders, inbox) = mpsc::unbounded_channel();
                let load = Arc::default();
                (Desk { orders, load }, inbox)
            })
            .unzip();
        let crew = Crew {
            workers,
            gates,
            clock: Clock::new(),
            log: Arc::default(),
            records: Notify::new(),
            awaited: Arc::default(),
        };
        (crew, inboxes)
    }

    /// How many workers there are.
    pub(crate) fn count(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn order_all(&self, order: impl Fn() -> Order) {
        for index in 0..self.workers.len() {
            self.order(index, order());
        }
    }

    /// Gives a listener to the worker that accepts for it. One listener, one acceptor: no two threads wake for a
    /// connection that only one can have, and listeners spread over the workers by their number.
    pub(crate) fn order_open(&self, id: ListenerId, socket: Arc<OwnedFd>, ack: Arc<Ack>) {
        let index = (id.0 % self.workers.len() as u64) as usize;
        self.order(index, Order::Open(id, socket, ack));
    }

    pub(crate) fn order(&self, index: usize, order: Order) {
        // A worker ends only together with the process.
        let _ = self.workers[index].orders.send(order);
    }

    pub(crate) fn ask_status(&self) -> Vec<oneshot::Receiver<Report>> {
        self.ask_all(Order::Report)
    }

    pub(crate) fn collect(&self) -> Vec<oneshot::Receiver<Gathered>> {
        self.ask_all(Order::Collect)
    }

    fn ask_all<T>(&self, order: fn(oneshot::Sender<T>) -> Order) -> Vec<oneshot::Receiver<T>> {
        let ask = |index| {
            let (answer, asked) = oneshot::channel();
            self.order(index, order(answer));
            asked
        };
        (0..self.workers.len()).map(ask).collect()
    }

    /// Open connections of a worker, those that have switched to another protocol among them.
    pub(crate) fn open(&self, index: usize) -> u32 {
        self.workers[index].load.load(Ordering::Relaxed)
    }

    /// The worker with the fewest connections; `preferred` when none has fewer.
    pub(crate) fn least_loaded(&self, preferred: usize) -> usize {
        let least = (0..self.workers.len()).min_by_key(|&index| self.open(index));
        least
            .filter(|&index| self.open(index) < self.open(preferred))
            .unwrap_or(preferred)
    }

    /// One more connection of a listener at a worker; `None` when the listener has `max` already.
    pub(crate) fn permit(
        &self,
        listener: &Arc<AtomicU32>,
        index: usize,
        max: u32,
    ) -> Option<Permit> {
        if listener.load(Ordering::Relaxed) >= max {
            return None;
        }
        let worker = self.workers[index].load.clone();
        worker.fetch_add(1, Ordering::Relaxed);
        listener.fetch_add(1, Ordering::Relaxed);
        Some(Permit {
            listener: listener.clone(),
            worker,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.listener.fetch_sub(1, Ordering::Relaxed);
        self.worker.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_to_the_worker_with_the_fewest_and_are_limited_for_the_listener() {
        let (crew, _inboxes) = Crew::new(2, Gates::new(1 << 20));
        let listener = Arc::default();
        let first = crew.permit(&listener, crew.least_loaded(1), 2).unwrap();
        assert_eq!(crew.least_loaded(1), 0);
        let second = crew.permit(&listener, 0, 2).unwrap();
        assert_eq!(crew.least_loaded(1), 1);
        assert!(crew.permit(&listener, 0, 2).is_none());
        drop((first, second));
        assert!(crew.permit(&listener, 0, 2).is_some());
    }
}
