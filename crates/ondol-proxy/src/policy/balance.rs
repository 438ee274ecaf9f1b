use std::time::Duration;

use ondol_model::Time;

/// How long an old latency counts: after this time, a measurement weighs 1/e.
const DECAY: Duration = Duration::from_secs(10);
/// What an endpoint that never answered is taken to need: little, so that it is tried soon,
/// and not nothing, so that requests in flight to it still count.
const UNKNOWN: Duration = Duration::from_millis(1);

/// Peak-sensitive moving average of the latency of one endpoint, as in Finagle: a slower answer counts at once,
/// a faster one little by little, and silence lets an old peak fade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    nanos: f64,
    at: Time,
}

impl Latency {
    pub(crate) fn new(now: Time) -> Self {
        Latency {
            nanos: UNKNOWN.as_nanos() as f64,
            at: now,
        }
    }

    /// After an answer that took `span`.
    #[must_use]
    pub(crate) fn observe(self, span: Duration, now: Time) -> Self {
        let span = span.as_nanos() as f64;
        let faded = self.weight(now);
        let nanos = match span > self.nanos {
            true => span,
            false => self.nanos * faded + span * (1.0 - faded),
        };
        Latency { nanos, at: now }
    }

    /// What one more request costs at an endpoint that has `in_flight` already.
    pub(crate) fn cost(self, in_flight: u32, now: Time) -> f64 {
        // An idle endpoint keeps a floor: two that are equally fast are told apart by what is in flight.
        (self.nanos * self.weight(now)).max(1.0) * (f64::from(in_flight) + 1.0)
    }

    pub(crate) fn as_millis(self) -> f64 {
        self.nanos / 1e6
    }

    fn weight(self, now: Time) -> f64 {
        let gone = now.since(self.at).as_nanos() as f64;
        (-gone / DECAY.as_nanos() as f64).exp()
    }
}

/// Power of two choices: of two candidates drawn by `random`, the one with the lower cost. `None` of none.
/// A candidate that is `avoided` is taken only when every candidate is.
pub(crate) fn pick(
    count: usize,
    random: u64,
    cost: impl Fn(usize) -> f64,
    avoided: impl Fn(usize) -> bool,
) -> Option<usize> {
    if count <= 1 {
        return (count == 1).then_some(0);
    }
    let draw = |random: u64, below: usize| (random % below as u64) as usize;
    let first = draw(random & 0xffff_ffff, count);
    let second = (first + 1 + draw(random >> 32, count - 1)) % count;
    let better = match (avoided(first), avoided(second)) {
        (false, true) => first,
        (true, false) => second,
        (false, false) if cost(second) < cost(first) => second,
        (false, false) => first,
        (true, true) => (0..count)
            .map(|offset| (first + offset) % count)
            .find(|&candidate| !avoided(candidate))
            .unwrap_or(first),
    };
    Some(better)
}

/// The next of a sequence of random numbers (SplitMix64, Steele and others 2014): plenty for drawing endpoints.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::from_secs(100);

    #[test]
    fn a_slow_answer_counts_at_once_and_fades() {
        let calm = Latency::new(NOW).observe(Duration::from_millis(2), NOW);
        let peak = calm.observe(Duration::from_millis(500), NOW);
        assert_eq!(peak.as_millis(), 500.0);
        let later = NOW + Duration::from_secs(30);
        assert!(peak.cost(0, later) < peak.cost(0, NOW) / 15.0);
        let recovered = peak.observe(Duration::from_millis(2), later);
        assert!(recovered.as_millis() < 30.0, "{recovered:?}");
    }

    #[test]
    fn of_two_the_less_loaded_is_picked() {
        let latency = Latency::new(NOW);
        let in_flight = [5, 1];
        for random in [0, 1, 1 << 32, u64::MAX] {
            let picked = pick(2, random, |at| latency.cost(in_flight[at], NOW), |_| false);
            assert_eq!(picked, Some(1));
        }
    }

    #[test]
    fn equal_endpoints_share_the_requests() {
        let mut state = 7;
        let mut counts = [0; 5];
        for _ in 0..10_000 {
            let random = next_random(&mut state);
            counts[pick(5, random, |_| 1.0, |_| false).unwrap()] += 1;
        }
        assert!(counts.iter().all(|&count| count > 1_800), "{counts:?}");
    }

    proptest! {
        #[test]
        fn whoever_is_picked_exists_and_is_not_avoided_without_need(
            costs in prop::collection::vec(0.0..1e9f64, 0..20),
            bits in any::<u32>(),
            random in any::<u64>(),
        ) {
            let avoided = |at: usize| bits >> at & 1 == 1;
            match pick(costs.len(), random, |at| costs[at], avoided) {
                None => prop_assert!(costs.is_empty()),
                Some(at) => {
                    prop_assert!(at < costs.len());
                    prop_assert!(!avoided(at) || (0..costs.len()).all(avoided) || costs.len() == 1);
                }
            }
        }

        #[test]
        fn the_dearest_of_several_is_never_picked(
            costs in prop::collection::btree_set(0u32..1000, 2..20), random in any::<u64>(),
        ) {
            let costs: Vec<f64> = costs.into_iter().map(f64::from).collect();
            let dearest = costs.len() - 1;
            prop_assert_ne!(pick(costs.len(), random, |at| costs[at], |_| false), Some(dearest));
        }
    }
}
