use std::path::PathBuf;

use ondol_model::SignalRules;

use super::read;
use crate::tree::Node;

/// `x-ondol.requests`.
pub(super) fn rules(tree: &Node) -> SignalRules {
    let usual = SignalRules::default();
    let Some(node) = tree.at(&["x-ondol", "requests"]) else {
        return usual;
    };
    SignalRules {
        traces_per_second: read::number(node, &["traces_per_second"])
            .unwrap_or(usual.traces_per_second),
        slow: read::duration(node, &["slow"]).unwrap_or(usual.slow),
        log: read::text(node, &["log"]).map(PathBuf::from),
    }
}
