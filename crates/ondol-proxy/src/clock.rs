use ondol_model::Time;
use tokio::time::Instant;

/// The worker's clock: the only place of this crate that asks what time it is.
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
}
