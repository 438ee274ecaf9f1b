use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ondol_model::Time;
use tokio::time::{Instant, timeout};

use super::body::Timer;
use crate::Refusal;
use crate::upstream::{Cluster, InFlight, Place, Pooled, add};
use crate::worker::Shard;

/// A connection to an endpoint while a request uses it.
pub(super) struct Lease {
    pub shard: Rc<Shard>,
    pub cluster: Rc<Cluster>,
    pub in_flight: InFlight,
    pub connection: Pooled,
    pub address: SocketAddr,
    /// When the request was sent.
    pub sent: Time,
    /// Its place at the service.
    pub place: Option<Place>,
    pub timer: Option<Box<Timer>>,
}

impl Lease {
    /// Holds a place at the service, and how long the rest of the answer may take.
    pub(super) fn limit(
        &mut self,
        place: Option<Place>,
        deadline: Option<Instant>,
        idle: Option<Duration>,
    ) {
        self.place = place;
        self.timer = Timer::new(deadline, idle).map(Box::new);
    }

    /// The response is complete: the connection may serve another request.
    pub(super) fn give_back(self: Box<Self>) {
        if self.connection.sender.is_ready() {
            self.keep();
        } else if !self.connection.sender.is_closed() {
            // The endpoint answered before it had read everything; wait for it, but not for ever.
            let mut lease = self;
            tokio::task::spawn_local(async move {
                let limit = lease.shard.limits.connect_time_max;
                if let Ok(Ok(())) = timeout(limit, lease.connection.sender.ready()).await {
                    lease.keep();
                }
            });
        }
    }

    /// The response broke off: there is nothing to give back.
    pub(super) fn broke(self, refusal: Refusal) {
        add(&self.in_flight.counters.errors, 1);
        self.cluster.count_refusal(refusal);
    }

    /// The connection is no longer one of requests.
    pub(super) fn switch(self) -> InFlight {
        self.in_flight
    }

    fn keep(mut self) {
        // Reading on is between the endpoint and this proxy.
        self.place = None;
        if self.in_flight.is_ready() {
            let now = self.shard.now();
            self.in_flight
                .pool
                .put(self.address, self.connection, &self.shard.limits, now);
        }
    }
}
