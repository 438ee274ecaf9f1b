//! Which traces that begin here are recorded.

use std::time::Duration;

/// Records all, as long as they are fewer than the budget; of more, an even share, found from how many there were in
/// the time before.
#[derive(Debug)]
pub(crate) struct Sampler {
    per_second: f64,
    /// A random number up to this is taken.
    threshold: u64,
    seen: u64,
    taken: u64,
}

impl Sampler {
    /// The most that are taken in a sudden rush, before the share follows it, in seconds of the budget.
    const RUSH: f64 = 2.0;

    pub(crate) fn new(per_second: f64) -> Self {
        Sampler {
            per_second,
            threshold: u64::MAX,
            seen: 0,
            taken: 0,
        }
    }

    /// Whether the trace that begins now is recorded.
    pub(crate) fn decide(&mut self, random: u64) -> bool {
        self.seen += 1;
        let taken = random <= self.threshold && (self.taken as f64) < self.per_second * Self::RUSH;
        self.taken += u64::from(taken);
        taken
    }

    /// So much time is over since this was called last.
    pub(crate) fn tick(&mut self, span: Duration) {
        let budget = self.per_second * span.as_secs_f64();
        let share = budget / self.seen as f64;
        // A conversion of floats saturates: nothing seen, or less than the budget, takes all.
        self.threshold = (share.min(1.0) * u64::MAX as f64) as u64;
        (self.seen, self.taken) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::balance::next_random;

    /// How many of `count` are taken in a second.
    fn second(sampler: &mut Sampler, count: usize, random: &mut u64) -> usize {
        let taken = (0..count).filter(|_| sampler.decide(next_random(random)));
        let taken = taken.count();
        sampler.tick(Duration::from_secs(1));
        taken
    }

    #[test]
    fn all_are_taken_until_there_are_too_many_and_then_an_even_share() {
        let (mut sampler, mut random) = (Sampler::new(100.0), 7);
        assert_eq!(second(&mut sampler, 80, &mut random), 80);
        assert_eq!(
            second(&mut sampler, 50_000, &mut random),
            200,
            "the rush is bounded"
        );
        for _ in 0..5 {
            let taken = second(&mut sampler, 50_000, &mut random);
            assert!((60..=140).contains(&taken), "{taken}");
        }
        second(&mut sampler, 20, &mut random);
        assert_eq!(second(&mut sampler, 20, &mut random), 20);
    }

    #[test]
    fn a_budget_of_nothing_takes_nothing() {
        let (mut sampler, mut random) = (Sampler::new(0.0), 7);
        assert_eq!(second(&mut sampler, 100, &mut random), 0);
        assert_eq!(second(&mut sampler, 0, &mut random), 0);
        assert_eq!(second(&mut sampler, 100, &mut random), 0);
    }
}
