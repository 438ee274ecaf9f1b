use std::time::Duration;

use ondol_model::Shed as Rule;

/// Answers that are looked at together, at least.
pub(crate) const SAMPLES_MIN: u32 = 10;

/// How many requests a service can bear at once, found by trying: a little more while answers are as quick as they
/// should be, a tenth less when they are not (additive increase, multiplicative decrease).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shed {
    limit: f64,
    /// The shortest mean lately; what "quick" means when the rule does not say.
    quickest_nanos: f64,
}

impl Shed {
    pub(crate) fn new(rule: &Rule) -> Self {
        Shed {
            // From below: what "quick" means has to be seen before there is too much load.
            limit: f64::from(rule.min),
            quickest_nanos: f64::MAX,
        }
    }

    /// Hears how long answers took on average in the last moments, and how many requests were at the service at most.
    pub(crate) fn observe(&mut self, mean: Duration, in_flight_max: u32, rule: &Rule) {
        let nanos = mean.as_nanos() as f64;
        let calm = f64::from(in_flight_max) < self.limit / 2.0;
        let lowest = self.limit <= f64::from(rule.min);
        // What is slow without load, or with as little as there may be, is how the service is now.
        let forgets = if calm || lowest { FORGETS } else { 1.0 };
        self.quickest_nanos = nanos.min(self.quickest_nanos * forgets);
        let bearable = match rule.latency {
            Some(latency) => latency.as_nanos() as f64,
            None => self.quickest_nanos * 2.0,
        };
        if nanos > bearable {
            self.limit *= 0.9;
        } else if !calm {
            // Only a limit that is nearly reached can be known to be too low.
            self.limit += self.limit.sqrt();
        }
        self.limit = self.limit.clamp(f64::from(rule.min), f64::from(rule.max));
    }

    pub(crate) fn limit(self) -> u32 {
        self.limit as u32
    }
}

/// How much the quickest time may grow from one look to the next.
const FORGETS: f64 = 1.01;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule {
        latency: None,
        min: 2,
        max: 1000,
    };

    /// A service that answers `at_once` requests in 10 ms, and makes more wait.
    fn settle(at_once: u32, rule: &Rule) -> u32 {
        let mut shed = Shed::new(rule);
        for _ in 0..300 {
            let load = shed.limit();
            let turns = f64::from(load.max(at_once)) / f64::from(at_once);
            shed.observe(Duration::from_millis(10).mul_f64(turns), load, rule);
        }
        shed.limit()
    }

    #[test]
    fn it_finds_about_twice_what_the_service_can_do_at_once() {
        for at_once in [5, 50, 200] {
            let limit = settle(at_once, &RULE);
            assert!(
                (at_once..=at_once * 3).contains(&limit),
                "{at_once}: {limit}"
            );
        }
    }

    #[test]
    fn a_wanted_latency_is_held() {
        let rule = Rule {
            latency: Some(Duration::from_millis(30)),
            ..RULE
        };
        let limit = settle(10, &rule);
        assert!((20..=36).contains(&limit), "{limit}");
    }

    #[test]
    fn a_service_that_stays_slower_is_given_its_due_again() {
        let mut shed = Shed::new(&RULE);
        for millis in [10, 100] {
            for _ in 0..1000 {
                shed.observe(Duration::from_millis(millis), shed.limit(), &RULE);
            }
        }
        assert!(shed.limit() > 500, "{}", shed.limit());
    }

    #[test]
    fn an_idle_service_is_not_given_more_and_more() {
        let mut shed = Shed::new(&RULE);
        (0..100).for_each(|_| shed.observe(Duration::from_millis(10), 1, &RULE));
        assert!(shed.limit() <= 4, "{}", shed.limit());
    }

    proptest! {
        #[test]
        fn the_limit_stays_within_its_bounds(
            seen in prop::collection::vec((0u64..10_000, 0u32..2000), 0..100),
            min in 1u32..10,
            more in 0u32..100,
        ) {
            let rule = Rule { latency: None, min, max: min + more };
            let mut shed = Shed::new(&rule);
            for (millis, in_flight) in seen {
                shed.observe(Duration::from_millis(millis), in_flight, &rule);
                prop_assert!((rule.min..=rule.max).contains(&shed.limit()));
            }
        }
    }
}
