//! The only place here that asks the machine for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Runs since it was made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock module of the automation"
    )]
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What the machine says of the time.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock module of the automation"
)]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
