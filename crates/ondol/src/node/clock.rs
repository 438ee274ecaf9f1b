//! The only place that asks the machine what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ondol_model::Time;

/// Nanoseconds since 1970, as the machine has it now: what shims stamp their lines with.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// The node's monotonic clock, and what its moments are for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_unix: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock module")]
    pub(crate) fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Clock {
            start: Instant::now(),
            start_unix: unix.unwrap_or_default(),
        }
    }

    /// Starts at one, so that [`Time::ZERO`] is before everything.
    pub(crate) fn now(&self) -> Time {
        Time::from_secs(1) + self.start.elapsed()
    }

    /// How long until `when`; zero when it is past.
    pub(crate) fn until(&self, when: Time) -> Duration {
        when.since(self.now())
    }

    /// The moment of so many nanoseconds since 1970; those before the start are the start.
    pub(crate) fn of_unix_ns(&self, unix_ns: u64) -> Time {
        let since = Duration::from_nanos(unix_ns).saturating_sub(self.start_unix);
        Time::from_secs(1) + since
    }

    /// Milliseconds since 1970.
    pub(crate) fn unix_ms(&self, when: Time) -> u64 {
        let since_start = when.since(Time::from_secs(1));
        u64::try_from((self.start_unix + since_start).as_millis()).unwrap_or(u64::MAX)
    }
}
