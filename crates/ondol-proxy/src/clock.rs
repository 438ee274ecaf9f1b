use std::time::{SystemTime, UNIX_EPOCH};

use ondol_model::Time;
use tokio::time::Instant;

/// The workers' clock, the same for all: the only place of this crate that asks what time it is.
/// It follows tokio's, so that a test may pause it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    /// Seconds since 1970, as others count them: for dates that are written down.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn date(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    /// The same in nanoseconds, for records.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn unix_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }
}
