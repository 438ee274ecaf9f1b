use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ServiceName, StaticAnswer};

/// `x-ondol.resilience`: what happens when a service is slow, failing or overrun. Holds for every call to it,
/// from outside and from other services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resilience {
    /// How long each part of a request may take.
    pub timeouts: Timeouts,
    /// When a request is sent once more.
    pub retry: Retry,
    /// Stops asking a service that fails.
    pub breaker: Option<Breaker>,
    /// Stops asking an endpoint that fails.
    pub endpoint_breaker: Option<Breaker>,
    /// What is tried instead, in order, when the service gave no answer.
    pub fallback: Vec<Fallback>,
    /// Statuses that count as no answer, as far as there is a fallback.
    pub fallback_on: BTreeSet<u16>,
    /// How many requests may be at the service at once.
    pub concurrency: Option<Concurrency>,
    /// Finds that number by itself from how long answers take.
    pub shed: Option<Shed>,
}

/// How long each part of a request may take; `None` as long as it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// Until the endpoint accepts a connection; 3 s when the file says nothing.
    pub connect: Option<Duration>,
    /// From the last byte of the request to the head of the answer, for each attempt; 60 s when the file says nothing,
    /// except for calls of gRPC and for events. Zero is for ever.
    pub response: Option<Duration>,
    /// From the first byte of the request to the last of the answer, all attempts together. What is left of it is
    /// told to the service.
    pub request: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub idle: Option<Duration>,
}

/// When a request is sent once more. Only one that may be repeated is (RFC 9110, section 9.2.2), or one of which
/// nothing was sent yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// How often a request may be sent at most; 1 never repeats it.
    pub attempts: u32,
    /// Statuses that are asked again elsewhere, beside connections that broke.
    pub statuses: BTreeSet<u16>,
    /// Repeated requests as a part of all requests of the last 10 s, in percent. Beyond it none is repeated, so that
    /// a service in trouble is not asked twice as much.
    pub budget_percent: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: 2,
            statuses: BTreeSet::new(),
            budget_percent: 20,
        }
    }
}

/// When to stop asking, and when to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// What is too much.
    pub trip: Trip,
    /// The time that is looked at.
    pub window: Duration,
    /// Requests in that time before anything is concluded.
    pub minimum: u32,
    /// How long nothing is asked.
    pub pause: Duration,
    /// Requests let through after the pause; all of them must succeed.
    pub probes: u32,
}

/// How many failures are too many. A failure is a status of 500 or more, a broken connection or a time that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    /// So many in the window.
    Count(u32),
    /// This part of the requests in the window, in percent.
    Percent(u32),
}

/// What is tried when the service gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Another service of the project.
    Service {
        /// Its name.
        service: ServiceName,
        /// Its port; `None` until the node has found its first.
        port: Option<u16>,
    },
    /// Always the same answer.
    Static(StaticAnswer),
    /// What the cache has of an earlier answer, unless that forbids it (RFC 9111, section 4.2.4).
    Stale {
        /// How long it may have been out of date; `None` is any time.
        age_max: Option<Duration>,
    },
}

/// How many requests may be at a service at once, and how many wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Requests at the service.
    pub max: u32,
    /// Requests that wait for one of them to end; more are refused at once.
    pub queue: u32,
    /// How long they wait.
    pub wait: Duration,
}

/// Finds how many requests a service can bear from how long its answers take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shed {
    /// Answers that take longer than this mean too much load; `None` takes twice the shortest time seen lately.
    pub latency: Option<Duration>,
    /// Never fewer than these at once.
    pub min: u32,
    /// Never more than these at once.
    pub max: u32,
}
