use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `deploy.update_config` or `deploy.rollback_config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Replicas replaced at once; 0 is all (Compose: 1).
    pub parallelism: u32,
    /// Pause between two batches.
    pub delay: Duration,
    /// Which comes first.
    pub order: UpdateOrder,
    /// How long a new replica is watched for failure after it became ready.
    pub monitor: Duration,
    /// Thousandths of the new replicas that may fail.
    pub failure_ratio_milli_max: u32,
    /// What follows when more of them fail.
    pub failure_action: FailureAction,
}

impl Default for Rollout {
    fn default() -> Self {
        Rollout {
            parallelism: 1,
            delay: Duration::ZERO,
            order: UpdateOrder::StartFirst,
            monitor: Duration::from_secs(5),
            failure_ratio_milli_max: 0,
            failure_action: FailureAction::Rollback,
        }
    }
}

/// Whether the new replica comes before the old one leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOrder {
    /// The new one is ready before the old one is drained; Ondol's default.
    #[default]
    StartFirst,
    /// The old one is gone before the new one starts: for those that cannot share their data.
    StopFirst,
}

/// What follows a failed update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureAction {
    /// Back to the definition before.
    #[default]
    Rollback,
    /// Leave both as they are.
    Pause,
    /// Go on.
    Continue,
}
