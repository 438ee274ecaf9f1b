//! Rate limits: how many requests of one key may pass in a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ondol_model::Time;

/// Cells that a key may be in: a key that is new takes the one that was used longest ago.
const WAYS: usize = 8;
const SHARDS: usize = 32;

/// The generic cell rate algorithm (ITU-T I.371, annex A): a request every `interval`, and up to `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    interval: Duration,
    burst: Duration,
}

/// A request that may pass, and what is left to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// Requests that may follow at once.
    pub remaining: u32,
}

/// A request that came too early; the earliest time that one would pass is so far away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub retry_after: Duration,
}

/// One limit for many keys: addresses, users, callers. Shared by all workers, and never larger than it was made:
/// of too many keys those are forgotten that were silent longest, and they are counted.
pub(crate) struct Limiter {
    rate: Rate,
    /// Of each shard.
    sets: usize,
    /// Each is empty until one of its keys comes: of many limits, most have few keys.
    shards: Vec<Mutex<Vec<[Cell; WAYS]>>>,
    forgotten: AtomicU64,
}

/// When the next request of a key is due: its theoretical arrival time.
#[derive(Clone, Copy, Default)]
struct Cell {
    key: u64,
    due: Time,
}

impl Rate {
    /// `requests` in each `period`, `burst` of them at once; none of the three is taken as 0.
    pub(crate) fn new(requests: u32, period: Duration, burst: u32) -> Self {
        let interval = (period / requests.max(1)).max(Duration::from_nanos(1));
        Rate {
            interval,
            burst: interval.saturating_mul(burst.max(1)),
        }
    }

    /// Decides one request of a key whose next is `due`; the new due time comes with what is admitted.
    fn admit(&self, due: Time, now: Time) -> Result<(Admitted, Time), TooMany> {
        let next = due.max(now) + self.interval;
        let ahead = next.since(now);
        match ahead.checked_sub(self.burst) {
            Some(excess) if !excess.is_zero() => Err(TooMany {
                retry_after: excess,
            }),
            _ => {
                let left = (self.burst - ahead).as_nanos() / self.interval.as_nanos();
                let remaining = u32::try_from(left).unwrap_or(u32::MAX);
                Ok((Admitted { remaining }, next))
            }
        }
    }
}

impl Limiter {
    /// Room for at least `keys` keys.
    pub(crate) fn new(rate: Rate, keys: usize) -> Self {
        Limiter {
            rate,
            sets: keys.div_ceil(SHARDS * WAYS).max(1),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Decides one request. `key` is a hash that clients cannot foretell, so that nobody can push out a key of
    /// their choice.
    pub(crate) fn admit(&self, key: u64, now: Time) -> Result<Admitted, TooMany> {
        let shard = &self.shards[key as usize % SHARDS];
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            sets.resize(self.sets, [Cell::default(); WAYS]);
        }
        let at = (key >> 32) as usize % sets.len();
        let set = &mut sets[at];
        let way = match set.iter().position(|cell| cell.key == key) {
            Some(way) => way,
            None => self.make_room(set, now),
        };
        let cell = &mut set[way];
        let due = if cell.key == key { cell.due } else { now };
        let (admitted, due) = self.rate.admit(due, now)?;
        *cell = Cell { key, due };
        Ok(admitted)
    }

    /// Keys that were forgotten while they still mattered: the table is too small for the traffic.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// The way of a set that matters least. One whose due time has passed is as good as one never used.
    fn make_room(&self, set: &[Cell; WAYS], now: Time) -> usize {
        let (way, cell) = set
            .iter()
            .enumerate()
            .min_by_key(|(_, cell)| cell.due)
            .map_or((0, Cell::default()), |(way, cell)| (way, *cell));
        if cell.due > now {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        way
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Time = Time::from_secs(1000);

    fn limiter(requests: u32, burst: u32) -> Limiter {
        Limiter::new(Rate::new(requests, Duration::from_secs(1), burst), 1024)
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let limiter = limiter(10, 3);
        let left = [2, 1, 0].map(|remaining| Ok(Admitted { remaining }));
        assert_eq!([1; 3].map(|key| limiter.admit(key, START)), left);
        let retry_after = Duration::from_millis(100);
        assert_eq!(limiter.admit(1, START), Err(TooMany { retry_after }));
        assert!(limiter.admit(1, START + Duration::from_millis(99)).is_err());
        assert!(limiter.admit(1, START + retry_after).is_ok());
        assert!(limiter.admit(1, START + retry_after).is_err());
        assert!(
            limiter.admit(2, START).is_ok(),
            "another key is not affected"
        );
    }

    #[test]
    fn a_refused_request_costs_its_key_nothing() {
        let limiter = limiter(1, 1);
        assert!(limiter.admit(1, START).is_ok());
        for _ in 0..100 {
            assert!(limiter.admit(1, START).is_err());
        }
        assert!(limiter.admit(1, START + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn of_too_many_keys_the_silent_ones_are_forgotten_and_counted() {
        let limiter = Limiter::new(Rate::new(1, Duration::from_secs(1), 1), 1);
        let key = |n: u64| n << 32; // all in one set
        for n in 1..=WAYS as u64 {
            assert!(
                limiter
                    .admit(key(n), START + Duration::from_millis(n))
                    .is_ok()
            );
        }
        assert_eq!(limiter.forgotten(), 0);
        let now = START + Duration::from_millis(100);
        assert!(limiter.admit(key(99), now).is_ok());
        assert_eq!(limiter.forgotten(), 1);
        assert!(
            limiter.admit(key(2), now).is_err(),
            "the second is remembered"
        );
        let later = START + Duration::from_secs(9);
        assert!(limiter.admit(key(100), later).is_ok());
        assert_eq!(
            limiter.forgotten(),
            1,
            "one that is due does not matter any more"
        );
    }

    proptest! {
        #[test]
        fn no_more_than_rate_and_burst_pass_in_any_time(
            burst in 1u32..20, rate in 1u32..50, gaps in prop::collection::vec(0u64..200, 1..200),
        ) {
            let limiter = limiter(rate, burst);
            let mut now = START;
            let mut passed = Vec::new();
            for gap in gaps {
                now = now + Duration::from_millis(gap);
                if limiter.admit(7, now).is_ok() {
                    passed.push(now);
                }
            }
            for (n, from) in passed.iter().enumerate() {
                for (m, to) in passed.iter().enumerate().skip(n) {
                    let allowed = f64::from(burst) + to.since(*from).as_secs_f64() * f64::from(rate);
                    prop_assert!((m - n + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }
}
