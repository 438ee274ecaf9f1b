use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Dial, Guard, Resilience, ServiceRef};

/// How requests reach a service: `balance`, `resilience`, `calls` and `published` of its `x-ondol`, and how it is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Which endpoint gets a request.
    pub balance: Balance,
    /// What happens when that goes wrong.
    pub resilience: Resilience,
    /// How the proxy speaks to it.
    pub dial: Dial,
    /// What stands before calls of other services (`x-ondol.calls`).
    #[serde(skip_serializing_if = "Guard::is_open")]
    pub calls: Guard,
    /// What stands before its published ports (`x-ondol.published`).
    #[serde(skip_serializing_if = "Guard::is_open")]
    pub published: Guard,
    /// It may sleep (`x-ondol.autoscale` with `min: 0`): requests wait so long for it to wake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_max: Option<Duration>,
}

impl Traffic {
    /// What stands before its own addresses.
    pub fn guards(&self) -> impl Iterator<Item = &Guard> {
        [&self.calls, &self.published].into_iter()
    }

    /// The same, to be completed.
    pub fn guards_mut(&mut self) -> impl Iterator<Item = &mut Guard> {
        [&mut self.calls, &mut self.published].into_iter()
    }

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
    /// Zones of the service's replicas: the first is in the first zone, the second in the second, and so on round and
    /// round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Whether calls leave the zone of the replica that makes them.
    pub cross_zone: CrossZone,
    /// Parts of the requests by the replica's number, from 1; replicas beyond have a part of 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<u32>,
}

impl Balance {
    /// The zone of a replica, by its number.
    pub fn zone_of(&self, number: u32) -> Option<&str> {
        let at = (number.max(1) as usize - 1).checked_rem(self.zones.len())?;
        self.zones.get(at).map(String::as_str)
    }

    /// The part of a replica, by its number.
    pub fn weight_of(&self, number: u32) -> u32 {
        let at = number.max(1) as usize - 1;
        self.weights.get(at).copied().unwrap_or(1)
    }
}

/// Whether calls leave the zone of the replica that makes them. Who calls from no zone, as clients from outside do,
/// gets any endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossZone {
    /// Zones make no difference.
    #[default]
    Always,
    /// Only while no endpoint of that zone can be sent to.
    Needed,
    /// They fail rather than leave it.
    Never,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_go_round_the_zones_and_have_weights_by_number() {
        let balance = Balance {
            zones: ["a", "b"].map(String::from).into(),
            weights: vec![3, 0],
            ..Balance::default()
        };
        assert_eq!(
            [1, 2, 3].map(|number| balance.zone_of(number)),
            [Some("a"), Some("b"), Some("a")]
        );
        assert_eq!([1, 2, 3].map(|number| balance.weight_of(number)), [3, 0, 1]);
        assert_eq!(Balance::default().zone_of(1), None);
    }
}
