use std::time::Duration;

use ondol_model::Time;

/// How long an old latency counts: after this time, a measurement weighs 1/e.
const DECAY: Duration = Duration::from_secs(10);
/// What an endpoint that never answered is taken to need: little, so that it is tried soon,
/// and not nothing, so that requests in flight to it still count.
const UNKNOWN: Duration = Duration::from_millis(1);
/// Of its full share, what a new endpoint gets at once: without any request it would never become warm.
const RAMP_MIN: f64 = 0.1;

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

/// The one with the least load; of several, one drawn by `random`. An `avoided` one only when every one is.
pub(crate) fn least(
    count: usize,
    random: u64,
    load: impl Fn(usize) -> f64,
    avoided: impl Fn(usize) -> bool,
) -> Option<usize> {
    let worse = |at: usize| (avoided(at), load(at));
    let from = |offset: usize| (random as usize % count.max(1) + offset) % count.max(1);
    (0..count).map(from).min_by(|&one, &other| {
        let ((avoided, load), (other_avoided, other_load)) = (worse(one), worse(other));
        avoided
            .cmp(&other_avoided)
            .then(load.total_cmp(&other_load))
    })
}

/// The one whose turn it is, or the next that is not `avoided`; an avoided one only when every one is.
pub(crate) fn in_turn(count: usize, turn: u64, avoided: impl Fn(usize) -> bool) -> Option<usize> {
    let first = (turn % (count as u64).max(1)) as usize;
    let mut from_first = (0..count).map(|offset| (first + offset) % count);
    from_first
        .clone()
        .find(|&at| !avoided(at))
        .or_else(|| from_first.next())
}

/// Always the same one for the same key, as long as it is there and not `avoided`; the keys of one that leaves spread
/// over the others, and no other key moves (rendezvous hashing, Thaler and Ravishankar 1998).
pub(crate) fn by_key(
    count: usize,
    key: u64,
    name: impl Fn(usize) -> u64,
    avoided: impl Fn(usize) -> bool,
) -> Option<usize> {
    (0..count).max_by_key(|&at| (!avoided(at), mixed(key ^ name(at))))
}

/// The part of its full share that an endpoint gets `age` after it became ready.
pub(crate) fn ramp(age: Duration, slow_start: Duration) -> f64 {
    match age < slow_start {
        true => (age.as_secs_f64() / slow_start.as_secs_f64()).max(RAMP_MIN),
        false => 1.0,
    }
}

/// A number for a key (FNV-1a, mixed so that all of its bits depend on all of the key's).
pub(crate) fn hash(key: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    mixed(key.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The next of a sequence of random numbers (SplitMix64, Steele and others 2014): plenty for drawing endpoints.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed(*state)
}

/// A number of which each bit depends on all bits of the one that it is made from.
pub(super) fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
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

    #[test]
    fn turns_go_round_and_leave_out_who_is_avoided() {
        let order: Vec<_> = (0..6)
            .filter_map(|turn| in_turn(3, turn, |at| at == 1))
            .collect();
        assert_eq!(order, [0, 2, 2, 0, 2, 2]);
        assert_eq!(in_turn(2, 1, |_| true), Some(1));
        assert_eq!(in_turn(0, 1, |_| true), None);
    }

    #[test]
    fn the_least_loaded_is_found_and_equal_ones_take_turns() {
        assert_eq!(least(3, 7, |at| [2.0, 1.0, 3.0][at], |_| false), Some(1));
        assert_eq!(least(3, 7, |at| [2.0, 1.0, 3.0][at], |at| at == 1), Some(0));
        let drawn: Vec<_> = (0..3)
            .filter_map(|random| least(3, random, |_| 1.0, |_| false))
            .collect();
        assert_eq!(drawn, [0, 1, 2]);
        assert_eq!(least(0, 7, |_| 1.0, |_| false), None);
    }

    #[test]
    fn keys_spread_evenly_and_only_those_of_the_one_that_left_move() {
        let names = [11, 22, 33, 44];
        let at = |key: u64, gone| {
            by_key(
                4,
                hash(&key.to_be_bytes()),
                |at| hash(&[names[at]]),
                |at| at == gone,
            )
        };
        let mut counts = [0; 4];
        for key in 0..4_000 {
            let before = at(key, 9).unwrap();
            counts[before] += 1;
            let after = at(key, 2).unwrap();
            assert!(after != 2 && (before == 2 || after == before));
        }
        assert!(
            counts.iter().all(|&count| (850..1150).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_new_endpoint_gets_its_share_little_by_little() {
        let slow_start = Duration::from_secs(10);
        let share = |seconds| ramp(Duration::from_secs(seconds), slow_start);
        assert_eq!([share(0), share(5), share(10)], [RAMP_MIN, 0.5, 1.0]);
        assert_eq!(ramp(Duration::ZERO, Duration::ZERO), 1.0);
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
