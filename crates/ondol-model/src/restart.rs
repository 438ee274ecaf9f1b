use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What follows when a replica's process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// After which ends it is started again.
    pub condition: RestartCondition,
    /// `on-failure:max` or `max_attempts`: at most so often within `window`; `None` is without bound.
    pub attempts_max: Option<u32>,
    /// `deploy.restart_policy.window`: how long a run must last to count as a success; `None` leaves 30 s.
    pub window: Option<Duration>,
    /// `deploy.restart_policy.delay`: the least pause before the next start.
    pub delay: Duration,
}

/// After which ends a process is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartCondition {
    /// `always`, `unless-stopped`, `condition: any`.
    Any,
    /// `on-failure`: only when it failed.
    OnFailure,
    /// `no`, `condition: none`: it ran.
    Never,
}

impl RestartPolicy {
    /// Started again after every end, without bound.
    pub const ALWAYS: RestartPolicy = RestartPolicy::of(RestartCondition::Any);
    /// Not started again.
    pub const NEVER: RestartPolicy = RestartPolicy::of(RestartCondition::Never);

    /// Without bounds.
    pub const fn of(condition: RestartCondition) -> Self {
        RestartPolicy {
            condition,
            attempts_max: None,
            window: None,
            delay: Duration::ZERO,
        }
    }
}

impl Default for RestartPolicy {
    /// What a file gets that says nothing. Compose would leave a crashed service lying; a platform must not.
    /// One that ends with 0 has done its work, so that a migration step is not run for ever.
    fn default() -> Self {
        RestartPolicy::of(RestartCondition::OnFailure)
    }
}
