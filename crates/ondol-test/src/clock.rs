//! The only place here that asks the machine for the time.

use std::time::{Duration, Instant};

/// A moment after which nobody waits any more.
pub(crate) struct Deadline {
    started: Instant,
    within: Duration,
}

impl Deadline {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock module of the test tools"
    )]
    pub(crate) fn after(within: Duration) -> Self {
        Deadline {
            started: Instant::now(),
            within,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.within
    }
}
