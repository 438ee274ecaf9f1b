use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Bytes, RunId, Time};

/// What a service was seen doing. Each part has the moment at which it was true, because what is measured may be
/// old when it is heard of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadReading {
    /// What the proxy counts; `None` when there is no proxy, or it does not answer.
    pub traffic: Option<TrafficReading>,
    /// What each start of a replica takes; one that did not answer is not among them.
    pub replicas: BTreeMap<RunId, UsageReading>,
    /// What the expressions gave that were asked for: a value with its moment, or why there is none.
    pub queries: BTreeMap<String, Result<(Time, f64), String>>,
}

/// Requests to a service lately.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficReading {
    /// The end of the time that it is about.
    pub at: Time,
    /// Requests per second.
    pub requests: f64,
    /// Requests and connections on their way to its replicas.
    pub in_flight: u64,
    /// Requests that wait for a place or a replica.
    pub waiting: u64,
    /// 95 % were answered within this time; `None` without requests.
    pub p95: Option<Duration>,
    /// When a request ended last, as far as this node knows.
    pub last: Option<Time>,
}

/// What one start of a replica takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReading {
    /// The end of the time that it is about.
    pub at: Time,
    /// Thousandths of a core since it was looked at before; `None` the first time.
    pub cpu_milli: Option<u32>,
    /// Memory, without file caches that can be dropped at once.
    pub memory: Bytes,
    /// How often the kernel killed something inside for want of memory, since its start.
    pub oom_kills: u64,
}
