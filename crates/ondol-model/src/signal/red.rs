use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Histogram, Reason};
use crate::{ReplicaId, RunId, ServiceName, ServiceRef};

/// Where a request came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From outside, by a route of the edge: `shop.example/api`.
    Route(Arc<str>),
    /// From outside, and no route fits.
    Edge,
    /// From outside, by a published port of the service.
    Port(u16),
    /// From a service of the project.
    Service(ServiceName),
    /// From this machine, by a service's virtual address; nobody knows from what.
    Machine,
}

impl Origin {
    /// The route, when it came by one.
    pub fn route(&self) -> Option<&str> {
        match self {
            Origin::Route(route) => Some(route),
            _ => None,
        }
    }

    /// The calling service, when it is known.
    pub fn caller(&self) -> Option<&ServiceName> {
        match self {
            Origin::Service(service) => Some(service),
            _ => None,
        }
    }
}

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RedKey {
    /// The start of a replica that was asked last; `None` when none was.
    pub run: Option<RunId>,
    /// That replica.
    pub replica: Option<ReplicaId>,
    /// The service that they were for; `None` when there is no route.
    pub service: Option<ServiceRef>,
    /// Where they came from.
    pub origin: Origin,
    /// A status of 500 or above, of gRPC one that blames the service, or an answer that broke off.
    pub failed: bool,
}

/// Requests that ended: how many, how, and how long they took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Red {
    /// By class of their status: the first is 1xx.
    pub statuses: [u64; 5],
    /// Those that failed.
    pub errors: u64,
    /// Those whose answer was not the service's own, by the reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Bytes of bodies from clients.
    pub bytes_in: u64,
    /// Bytes of bodies to clients.
    pub bytes_out: u64,
    /// From the head of a request to the last byte of its answer; of one that switched to another protocol, to the
    /// switch.
    pub latency: Histogram,
}

impl Red {
    /// How many requests they are.
    pub fn requests(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// One more request with this status.
    pub fn count(&mut self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class] += 1;
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Red) {
        for (sum, count) in self.statuses.iter_mut().zip(other.statuses) {
            *sum += count;
        }
        for (reason, count) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
        self.errors += other.errors;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.latency.add(&other.latency);
    }
}
