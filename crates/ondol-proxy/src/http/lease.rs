use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::Time;
use tokio::time::{Instant, timeout};

use super::body::Timer;
use crate::Refusal;
use crate::policy::eject::is_failure;
use crate::policy::grpc;
use crate::upstream::{Circuit, Cluster, InFlight, Pass, Place, Pooled, add};
use crate::worker::Shard;

/// UNKNOWN: what a call came to that ends without saying so (PROTOCOL-HTTP2, "Responses").
const NO_STATUS: u8 = 2;

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
    /// Whom the end of a call of gRPC is told.
    pub outcome: Option<Box<Outcome>>,
}

/// Who waits to hear whether a request went well, when its head did not say so: the circuits that let it through.
#[derive(Default)]
pub(super) struct Outcome {
    pub endpoint: Option<Pass<Arc<Circuit>>>,
    pub service: Option<Pass<Arc<Circuit>>>,
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

    /// The end of a call of gRPC says what it came to.
    pub(super) fn came_to(&mut self, grpc_status: u8) {
        let Some(outcome) = self.outcome.take() else {
            return;
        };
        let now = self.shard.now();
        let status = grpc::http_status(grpc_status);
        self.cluster
            .judge(&self.in_flight, !is_failure(status), now);
        if let Some(pass) = outcome.endpoint {
            pass.ended(!is_failure(status), now);
        }
        if let Some(pass) = outcome.service {
            pass.ended(status < 500, now);
        }
        if status >= 500 {
            add(&self.in_flight.counters.errors, 1);
        }
    }

    /// The response is complete: the connection may serve another request.
    pub(super) fn give_back(mut self: Box<Self>) {
        self.came_to(NO_STATUS);
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
    pub(super) fn broke(mut self, refusal: Refusal) {
        match self.outcome {
            Some(_) => self.came_to(NO_STATUS),
            None => add(&self.in_flight.counters.errors, 1),
        }
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
