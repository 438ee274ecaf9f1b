use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Eject, Endpoint, Load, ReplicaId, RunId, Time};
use tokio::sync::Notify;

use super::circuit::Circuit;
use super::pool::Pool;
use crate::EndpointStatus;
use crate::control::Ack;
use crate::limits::Limits;
use crate::policy::balance::{self, Latency};
use crate::policy::eject::Ejection;

/// One start of one replica, as one worker knows it. Outlives the table that named it, for as long as something is
/// in flight to it, and keeps what was learned when a new table names it again.
pub(crate) struct Upstream {
    endpoint: RefCell<Endpoint>,
    listed: Cell<bool>,
    /// It is about to be stopped.
    stops: Cell<bool>,
    latency: Cell<Latency>,
    in_flight: Cell<u32>,
    refused_until: Cell<Time>,
    ejection: Cell<Ejection>,
    ready_since: Cell<Time>,
    /// Names the replica to whoever hashes.
    name: u64,
    /// Shared with the other workers.
    circuit: RefCell<Option<Arc<Circuit>>>,
    drains: RefCell<Vec<Arc<Ack>>>,
    /// Told when it may not be picked any more.
    pub left: Notify,
    pub pool: Pool,
    pub counters: Counters,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub requests: Cell<u64>,
    pub errors: Cell<u64>,
    pub bytes_in: Cell<u64>,
    pub bytes_out: Cell<u64>,
}

/// Adds to a counter of this worker.
pub(crate) fn add(counter: &Cell<u64>, amount: u64) {
    counter.set(counter.get().saturating_add(amount));
}

impl Upstream {
    pub(crate) fn new(endpoint: Endpoint, now: Time) -> Self {
        Upstream {
            listed: Cell::new(true),
            stops: Cell::new(false),
            latency: Cell::new(Latency::new(now)),
            in_flight: Cell::new(0),
            refused_until: Cell::new(Time::ZERO),
            ejection: Cell::default(),
            ready_since: Cell::new(now),
            name: balance::hash(&endpoint.replica.number.to_be_bytes()),
            circuit: RefCell::default(),
            drains: RefCell::default(),
            left: Notify::new(),
            pool: Pool::default(),
            counters: Counters::default(),
            endpoint: RefCell::new(endpoint),
        }
    }

    /// What a new table says of it: `None` when it is not in it.
    pub(crate) fn update(&self, endpoint: Option<&Endpoint>, now: Time) {
        let was_ready = self.is_ready();
        self.listed.set(endpoint.is_some());
        if let Some(endpoint) = endpoint {
            self.endpoint.replace(endpoint.clone());
        }
        if !was_ready {
            self.ready_since.set(now);
        }
        if was_ready && !self.is_ready() {
            self.pool.clear_spoken();
            self.left.notify_waiters();
        }
        if self.is_ready() {
            self.stops.set(false);
        }
    }

    /// Whether bare connections to it are kept for the next request: also while it is away, until the next tick, because
    /// what is away is often back at once.
    pub(crate) fn keeps_bare_connections(&self) -> bool {
        !self.stops.get()
    }

    /// Closes connections that are not used.
    pub(super) fn sweep(&self, limits: &Limits, now: Time) {
        match self.is_ready() {
            true => self.pool.sweep(limits, now),
            false => self.pool.clear(),
        }
    }

    /// It is about to be asked to stop, and may wait for its idle connections then.
    pub(super) fn stop(&self) {
        self.stops.set(true);
        self.pool.clear();
    }

    /// Whether it may be asked, or somebody waits for its answer.
    pub(super) fn is_known(&self) -> bool {
        self.is_listed() || self.in_flight() > 0
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.listed.get()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.listed.get() && self.endpoint.borrow().ready
    }

    pub(crate) fn run(&self) -> RunId {
        self.endpoint.borrow().run
    }

    /// The replica's number.
    pub(crate) fn number(&self) -> u32 {
        self.endpoint.borrow().replica.number
    }

    /// Where its calls come from.
    pub(crate) fn ip(&self) -> IpAddr {
        self.endpoint.borrow().ip
    }

    pub(crate) fn replica(&self) -> ReplicaId {
        self.endpoint.borrow().replica.clone()
    }

    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        self.endpoint.borrow().address(port)
    }

    pub(crate) fn cost(&self, now: Time) -> f64 {
        self.latency.get().cost(self.in_flight.get(), now)
    }

    /// What one request costs at it when nothing is in flight.
    pub(crate) fn latency(&self, now: Time) -> f64 {
        self.latency.get().cost(0, now)
    }

    /// A response head came after the time since `sent`.
    pub(crate) fn answered(&self, sent: Time, now: Time) {
        self.latency
            .set(self.latency.get().observe(now.since(sent), now));
        self.refused_until.set(Time::ZERO);
    }

    /// Hears how a request ended: after too many that ended badly it is left out, when there is `room` for one more.
    pub(crate) fn judge(
        &self,
        is_good: bool,
        rule: &Eject,
        room: impl FnOnce() -> bool,
        now: Time,
    ) {
        let mut ejection = self.ejection.get();
        match is_good {
            true => ejection.succeeded(),
            false => {
                ejection.failed(rule, room(), now);
            }
        }
        self.ejection.set(ejection);
    }

    /// It refused a connection: others are preferred for a while.
    pub(crate) fn eject(&self, limits: &Limits, now: Time) {
        self.refused_until.set(now + limits.ejection);
        add(&self.counters.errors, 1);
        self.pool.clear();
    }

    pub(crate) fn is_ejected(&self, now: Time) -> bool {
        now < self.refused_until.get() || self.ejection.get().is_out(now)
    }

    /// Whether its circuit lets nothing through.
    pub(crate) fn is_broken(&self, now: Time) -> bool {
        let circuit = self.circuit.borrow();
        circuit.as_ref().is_some_and(|circuit| circuit.is_open(now))
    }

    pub(crate) fn circuit(&self) -> Option<Arc<Circuit>> {
        self.circuit.borrow().clone()
    }

    pub(crate) fn set_circuit(&self, circuit: Option<Arc<Circuit>>) {
        self.circuit.replace(circuit);
    }

    /// The part of its full share that it gets.
    pub(crate) fn share(&self, slow_start: Duration, now: Time) -> f64 {
        balance::ramp(now.since(self.ready_since.get()), slow_start)
    }

    pub(crate) fn name(&self) -> u64 {
        self.name
    }

    /// Begins a request or connection to it.
    pub(crate) fn begin(self: Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        add(&self.counters.requests, 1);
        InFlight(self)
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Lets go of `ack` as soon as nothing is in flight.
    pub(crate) fn await_drained(&self, ack: Arc<Ack>) {
        self.stop();
        // Connections on which nobody has spoken yet count as in flight, but need not finish.
        self.left.notify_waiters();
        if self.in_flight.get() > 0 {
            self.drains.borrow_mut().push(ack);
        }
    }

    /// What it has to do.
    pub(crate) fn load(&self) -> Load {
        Load {
            replica: self.replica(),
            run: self.run(),
            in_flight: u64::from(self.in_flight.get()),
        }
    }

    pub(crate) fn status(&self, now: Time) -> EndpointStatus {
        let endpoint = self.endpoint.borrow();
        EndpointStatus {
            replica: endpoint.replica.clone(),
            run: endpoint.run,
            requests: self.counters.requests.get(),
            errors: self.counters.errors.get(),
            in_flight: u64::from(self.in_flight.get()),
            bytes_in: self.counters.bytes_in.get(),
            bytes_out: self.counters.bytes_out.get(),
            latency_ms: self.latency.get().as_millis(),
            ejected: self.is_ejected(now),
        }
    }
}

/// A request or connection on its way to an endpoint, from the moment it is picked to the last byte of the answer.
pub(crate) struct InFlight(Rc<Upstream>);

impl InFlight {
    /// The endpoint itself, for something that does not hold up its stop.
    pub(crate) fn upstream(&self) -> Rc<Upstream> {
        self.0.clone()
    }
}

impl Deref for InFlight {
    type Target = Upstream;

    fn deref(&self) -> &Upstream {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let left = self.0.in_flight.get() - 1;
        self.0.in_flight.set(left);
        if left == 0 {
            self.0.drains.borrow_mut().clear();
        }
    }
}
