use std::rc::Rc;

use ondol_model::{BalanceBy, CrossZone, Time};

use super::{Cluster, InFlight, Refused, Upstream};
use crate::policy::balance::{self, next_random};
use crate::policy::weighted::{self, unit};
use crate::upstream::Policy;

impl Cluster {
    /// An endpoint to send to now. One of `refused` is taken only when there is no other.
    pub(crate) fn pick(&self, refused: &Refused, now: Time) -> Option<InFlight> {
        let (ready, policy) = (self.ready.borrow(), self.policy.borrow());
        let draw = Draw {
            cluster: self,
            policy: &policy,
            refused,
            now,
        };
        let cross_zone = policy.traffic.balance.cross_zone;
        let Some(zone) = refused.zone().filter(|_| cross_zone != CrossZone::Always) else {
            return draw.from(&ready);
        };
        let zones = self.zones.borrow();
        let near = zones.get(zone).map(Vec::as_slice).unwrap_or_default();
        let leaves = cross_zone == CrossZone::Needed && near.iter().all(|one| draw.avoids(one));
        draw.from(if leaves { &ready } else { near })
    }
}

/// The choice of an endpoint for one request.
struct Draw<'a> {
    cluster: &'a Cluster,
    policy: &'a Policy,
    refused: &'a Refused,
    now: Time,
}

impl Draw<'_> {
    fn avoids(&self, upstream: &Upstream) -> bool {
        upstream.is_ejected(self.now)
            || upstream.is_broken(self.now)
            || self.refused.runs().contains(&upstream.run())
    }

    fn from(&self, ready: &[Rc<Upstream>]) -> Option<InFlight> {
        let mut state = self.cluster.random.get();
        let random = next_random(&mut state);
        self.cluster.random.set(state);
        let at = match self.policy.traffic.balance.weights.is_empty() {
            true => self.equally(ready, random),
            false => self.by_weight(ready, random),
        }?;
        Some(ready[at].clone().begin())
    }

    fn turn(&self) -> u64 {
        let turn = &self.cluster.turn;
        turn.replace(turn.get().wrapping_add(1))
    }

    fn equally(&self, ready: &[Rc<Upstream>], random: u64) -> Option<usize> {
        let (now, balance) = (self.now, &self.policy.traffic.balance);
        let share = |at: usize| ready[at].share(balance.slow_start, now);
        let avoided = |at: usize| self.avoids(&ready[at]);
        match (&balance.by, self.refused.key()) {
            (BalanceBy::RoundRobin, _) => {
                let rests = |at| share(at) < 1.0 && share(at) < unit(random.rotate_left(at as u32));
                balance::in_turn(ready.len(), self.turn(), |at| avoided(at) || rests(at))
            }
            (BalanceBy::LeastRequests, _) => {
                let load = |at: usize| f64::from(ready[at].in_flight() + 1) / share(at);
                balance::least(ready.len(), random, load, avoided)
            }
            (_, Some(key)) => balance::by_key(ready.len(), key, |at| ready[at].name(), avoided),
            (_, None) => {
                let cost = |at: usize| ready[at].cost(now) / share(at);
                balance::pick(ready.len(), random, cost, avoided)
            }
        }
    }

    /// An avoided one is taken only when every one with a weight is.
    fn by_weight(&self, ready: &[Rc<Upstream>], random: u64) -> Option<usize> {
        let (now, balance) = (self.now, &self.policy.traffic.balance);
        let weight = |at: usize| {
            let upstream = &ready[at];
            let weight = f64::from(balance.weight_of(upstream.number()));
            weight * upstream.share(balance.slow_start, now)
        };
        let all_avoided = (0..ready.len()).all(|at| weight(at) == 0.0 || self.avoids(&ready[at]));
        let weight = |at: usize| match all_avoided || !self.avoids(&ready[at]) {
            true => weight(at),
            false => 0.0,
        };
        match (&balance.by, self.refused.key()) {
            (BalanceBy::RoundRobin, _) => weighted::in_turn(ready.len(), self.turn(), weight),
            (BalanceBy::LeastRequests, _) => {
                let load = |at: usize| f64::from(ready[at].in_flight());
                weighted::least(ready.len(), random, weight, load)
            }
            (_, Some(key)) => weighted::by_key(ready.len(), key, weight, |at| ready[at].name()),
            (_, None) => {
                let load = |at: usize| f64::from(ready[at].in_flight()) / weight(at);
                let cost = |at: usize| ready[at].latency(now) * (1.0 + load(at));
                weighted::pick(ready.len(), random, weight, cost)
            }
        }
    }
}
