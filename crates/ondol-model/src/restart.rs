use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What follows when a replica's process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// `always`, `unless-stopped`, `condition: any`.
    Always,
    /// `no`, `condition: none`: it ran.
    Never,
    /// `on-failure[:max]`: only when it failed, at most so often within `window`.
    OnFailure {
        /// Attempts; `None` is without bound.
        attempts_max: Option<u32>,
        /// `deploy.restart_policy.window`: how long a run must last to count as a success; `None` leaves 30 s.
        window: Option<Duration>,
    },
}

impl Default for RestartPolicy {
    /// What a file gets that says nothing. Compose would leave a crashed service lying; a platform must not.
    /// One that ends with 0 has done its work, so that a migration step is not run for ever.
    fn default() -> Self {
        RestartPolicy::OnFailure {
            attempts_max: None,
            window: None,
        }
    }
}
