use ondol_model::{FailureAction, Rollout, UpdateOrder};

use super::read;
use crate::tree::Node;

/// `deploy.update_config` or `deploy.rollback_config`.
pub(super) fn rollout(service: &Node, key: &'static str) -> Rollout {
    let default = Rollout::default();
    let Some(node) = service.at(&["deploy", key]) else {
        return default;
    };
    Rollout {
        parallelism: read::number(node, &["parallelism"]).unwrap_or(default.parallelism),
        delay: read::duration(node, &["delay"]).unwrap_or(default.delay),
        order: match read::text(node, &["order"]).as_deref() {
            Some("start-first") => UpdateOrder::StartFirst,
            Some("stop-first") => UpdateOrder::StopFirst,
            _ => default.order,
        },
        monitor: read::duration(node, &["monitor"]).unwrap_or(default.monitor),
        failure_ratio_milli_max: read::milli(node, &["max_failure_ratio"])
            .unwrap_or(default.failure_ratio_milli_max),
        failure_action: match read::text(node, &["failure_action"]).as_deref() {
            Some("rollback") => FailureAction::Rollback,
            Some("pause") => FailureAction::Pause,
            Some("continue") => FailureAction::Continue,
            _ => default.failure_action,
        },
    }
}
