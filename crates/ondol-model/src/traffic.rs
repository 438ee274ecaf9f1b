use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Dial, Resilience, ServiceRef};

/// How requests reach a service: `x-ondol.balance` and `x-ondol.resilience`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Which endpoint gets a request.
    pub balance: Balance,
    /// What happens when that goes wrong.
    pub resilience: Resilience,
    /// How the proxy speaks to it.
    pub dial: Dial,
}

impl Traffic {
    /// Whether the file says nothing about it.
    pub fn is_default(&self) -> bool {
        *self == Traffic::default()
    }
}

/// The traffic of one service, as the proxy gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficPolicy {
    /// The service.
    pub service: ServiceRef,
    /// How requests reach it; every port in it is known, or the service has none.
    pub traffic: Traffic,
}

/// Which endpoint gets a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Balance {
    /// The rule.
    pub by: BalanceBy,
    /// A new endpoint gets its full part of the requests only after this time; zero is at once.
    pub slow_start: Duration,
    /// When an endpoint is left out for a while.
    pub eject: Eject,
}

/// A rule that chooses an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceBy {
    /// Of two drawn at random, the one that answered faster lately and has less to do (peak EWMA).
    #[default]
    Latency,
    /// One after another.
    RoundRobin,
    /// The one with the fewest requests.
    LeastRequests,
    /// Always the same one for the same value of this header.
    Header(String),
    /// Always the same one for the same value of this cookie.
    Cookie(String),
    /// Always the same one for the same client address.
    Ip,
}

/// When an endpoint that keeps failing while others do not is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Eject {
    /// Failures in a row; 0 never leaves one out.
    pub failures: u32,
    /// For how long; each time in a row once more.
    pub time: Duration,
    /// At most this part of the endpoints, in percent.
    pub share_percent_max: u32,
}

impl Default for Eject {
    fn default() -> Self {
        Eject {
            failures: 5,
            time: Duration::from_secs(10),
            share_percent_max: 50,
        }
    }
}
