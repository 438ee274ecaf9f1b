//! What this machine lets the node do, in the shapes of the API.

use ondol_api::FindingLevel;
use ondol_runtime::{Finding, Sandbox};

/// The word of the API for how replicas are kept apart.
pub(crate) fn word(sandbox: Sandbox) -> ondol_api::Sandbox {
    match sandbox {
        Sandbox::Root => ondol_api::Sandbox::Root,
        Sandbox::User => ondol_api::Sandbox::User,
        Sandbox::None => ondol_api::Sandbox::None,
    }
}

/// Nothing that is not enforced keeps services from running; it is only said.
pub(crate) fn finding(finding: Finding) -> ondol_api::Finding {
    ondol_api::Finding {
        level: if finding.enforced {
            FindingLevel::Ok
        } else {
            FindingLevel::Limited
        },
        what: finding.what,
        found: finding.why,
        hint: Some(finding.fix).filter(|fix| !fix.is_empty()),
    }
}
