use std::collections::BTreeMap;

use ondol_model::{Breaker, ListenerId, Refusal, ReplicaId, RunId, ServiceRef};
use serde::{Deserialize, Serialize};

use crate::policy::breaker::Stand;

/// What the proxy has done since it started; counters only grow, and begin at 0 with each proxy process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The proxy's process id.
    pub pid: u32,
    /// [`ondol_model::Snapshot::version`] in use.
    pub snapshot: u64,
    /// By listener, in order of id.
    pub listeners: Vec<ListenerStatus>,
    /// By service, in order of name.
    pub services: Vec<ServiceStatus>,
    /// The circuits that are not closed.
    #[serde(default)]
    pub circuits: Vec<CircuitStatus>,
    /// Stored answers.
    #[serde(default)]
    pub cache: CacheStatus,
    /// Clients that a rate limit forgot too early, because there were more than it remembers.
    #[serde(default)]
    pub limited_forgotten: u64,
}

/// Stored answers of all routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatus {
    /// Memory that they take, in bytes.
    pub bytes: u64,
    /// Requests that a stored answer was given to.
    pub hits: u64,
    /// The same with one that was too old, while a newer one was fetched.
    pub stale: u64,
    /// Requests that went to a service.
    pub misses: u64,
    /// Answers that were stored.
    pub stored: u64,
    /// Answers that somebody wanted forgotten.
    pub purged: u64,
}

/// Which stored answers to forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// All.
    All,
    /// Those of an address: `http://host:port/path?query`, where scheme, port and case make no difference; of any
    /// host or query where it names none.
    Address(String),
    /// Those that the service gave this name in `Surrogate-Key` or `Cache-Tag`.
    Tag(String),
}

/// A circuit that is not closed: requests are stopped because too many of them failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitStatus {
    /// The service.
    pub service: ServiceRef,
    /// The start of a replica, when it is the circuit of one endpoint.
    pub run: Option<RunId>,
    /// The pause is over and some requests are let through to see whether it works again.
    pub half_open: bool,
    /// What was seen, for people: `5 of 8 requests failed within 10 s`.
    pub reason: String,
}

impl CircuitStatus {
    /// `None` when it is closed.
    pub(crate) fn of(
        service: &ServiceRef,
        run: Option<RunId>,
        rule: &Breaker,
        stand: Stand,
    ) -> Option<Self> {
        let (half_open, tripped) = match stand {
            Stand::Closed => return None,
            Stand::Open { tripped, .. } => (false, tripped),
            Stand::HalfOpen { tripped } => (true, tripped),
        };
        let (bad, all, span) = (tripped.bad, tripped.all(), rule.window.as_secs_f64());
        Some(CircuitStatus {
            service: service.clone(),
            run,
            half_open,
            reason: format!("{bad} of {all} requests failed within {span} s"),
        })
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// The listener.
    pub id: ListenerId,
    /// Connections ever accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Refused here, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service.
    pub service: ServiceRef,
    /// Refused on the way to it, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Requests that wait for a ready endpoint now.
    pub waiting: u64,
    /// Requests that wait for a place (`resilience.concurrency`) now.
    #[serde(default)]
    pub queued: u64,
    /// Its endpoints, also those that left the table and still have requests in flight.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The replica.
    pub replica: ReplicaId,
    /// Which start of it.
    pub run: RunId,
    /// Requests and TCP connections ever sent to it.
    pub requests: u64,
    /// Those that it did not answer, or answered with a status of 500 or above.
    pub errors: u64,
    /// Requests and TCP connections open now.
    pub in_flight: u64,
    /// Bytes of bodies and tunnels to it.
    pub bytes_in: u64,
    /// Bytes of bodies and tunnels from it.
    pub bytes_out: u64,
    /// Peak EWMA of the time to its response heads, in milliseconds: the highest of all workers.
    pub latency_ms: f64,
    /// It refused a connection a moment ago and is avoided.
    pub ejected: bool,
}
