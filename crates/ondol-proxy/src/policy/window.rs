use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ondol_model::Time;

/// Parts of a window; it slides by one of them.
const PARTS: usize = 10;
const EPOCH_BITS: u32 = 20;
const COUNT_BITS: u32 = 22;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// How often something happened in the last moments, counted by several workers without a lock.
///
/// Every worker writes to a shard of its own, so that no two threads pull at one cache line; who wants to know adds
/// the shards up. Each part of a shard is one number, `epoch | bad | good`, so that what is read fits together.
pub(crate) struct Window {
    part_nanos: u64,
    shards: Vec<Shard>,
}

/// On cache lines that no other shard has a part of.
#[repr(align(128))]
#[derive(Default)]
struct Shard([AtomicU64; PARTS]);

/// What a window has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub good: u64,
    pub bad: u64,
}

impl Tally {
    pub(crate) fn all(self) -> u64 {
        self.good + self.bad
    }
}

impl Window {
    pub(crate) fn new(span: Duration, workers: usize) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Window {
            part_nanos: (nanos / PARTS as u64).max(1),
            shards: (0..workers.max(1)).map(|_| Shard::default()).collect(),
        }
    }

    /// Counts one thing. Only the thread of `worker` may call it with that number.
    pub(crate) fn add(&self, worker: usize, is_good: bool, now: Time) {
        let epoch = self.epoch(now);
        let part = &self.shards[worker].0[epoch as usize % PARTS];
        let (known, mut tally) = unpack(part.load(Ordering::Relaxed));
        if known != wrapped(epoch) {
            tally = Tally::default();
        }
        let count = if is_good {
            &mut tally.good
        } else {
            &mut tally.bad
        };
        *count = (*count + 1).min(COUNT_MAX);
        part.store(pack(epoch, tally), Ordering::Relaxed);
    }

    /// What all workers counted in the window that ends now, as far as it was after `since`.
    pub(crate) fn sum(&self, since: Time, now: Time) -> Tally {
        let last = self.epoch(now);
        let oldest = (last + 1).saturating_sub(PARTS as u64);
        let first = match since {
            Time::ZERO => oldest,
            // The part in which it was is of before.
            since => oldest.max(self.epoch(since) + 1),
        };
        let mut sum = Tally::default();
        for epoch in first..=last {
            for shard in &self.shards {
                let (known, tally) =
                    unpack(shard.0[epoch as usize % PARTS].load(Ordering::Relaxed));
                if known == wrapped(epoch) {
                    sum.good += tally.good;
                    sum.bad += tally.bad;
                }
            }
        }
        sum
    }

    fn epoch(&self, now: Time) -> u64 {
        // Begins at 1: a part that was never written to is of epoch 0.
        now.as_nanos() / self.part_nanos + 1
    }
}

fn wrapped(epoch: u64) -> u64 {
    epoch & ((1 << EPOCH_BITS) - 1)
}

fn pack(epoch: u64, tally: Tally) -> u64 {
    wrapped(epoch) << (2 * COUNT_BITS) | tally.bad << COUNT_BITS | tally.good
}

fn unpack(part: u64) -> (u64, Tally) {
    let tally = Tally {
        good: part & COUNT_MAX,
        bad: part >> COUNT_BITS & COUNT_MAX,
    };
    (part >> (2 * COUNT_BITS), tally)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_what_a_list_of_moments_would(
            steps in prop::collection::vec((0u64..400, 0usize..3, any::<bool>()), 0..200),
            since in 0u64..3000,
        ) {
            let window = Window::new(Duration::from_millis(1000), 3);
            let since = Time::from_nanos(since * 1_000_000);
            let mut seen = Vec::new();
            let mut millis = 0;
            for (wait, worker, is_good) in steps {
                millis += wait;
                let now = Time::from_nanos(millis * 1_000_000);
                window.add(worker, is_good, now);
                seen.push((millis / 100, is_good));
                let last = millis / 100;
                let counts = |good| seen.iter().filter(|(part, is_good)| {
                    *is_good == good
                        && part + 10 > last
                        && (since == Time::ZERO || *part > since.as_nanos() / 100_000_000)
                }).count() as u64;
                prop_assert_eq!(window.sum(since, now), Tally { good: counts(true), bad: counts(false) });
            }
        }
    }
}
