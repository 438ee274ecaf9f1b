use ondol_model::{RestartCondition, RestartPolicy};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;
use ondol_model::did_you_mean;

/// `deploy.restart_policy`, which wins, or `restart`.
pub(super) fn restart(name: &str, service: &Node, findings: &mut Findings) -> RestartPolicy {
    if let Some(policy) = service.at(&["deploy", "restart_policy"]) {
        let condition = read::text(policy, &["condition"]);
        return RestartPolicy {
            condition: match condition.as_deref().unwrap_or("any") {
                "none" => RestartCondition::Never,
                "on-failure" => RestartCondition::OnFailure,
                _ => RestartCondition::Any,
            },
            attempts_max: read::limit(policy, &["max_attempts"]),
            window: read::duration(policy, &["window"]),
            delay: read::duration(policy, &["delay"]).unwrap_or_default(),
        };
    }
    let Some((node, text)) = service
        .get("restart")
        .and_then(|node| Some((node, node.text()?)))
    else {
        return RestartPolicy::default();
    };
    let (word, attempts) = text
        .split_once(':')
        .map_or((text, None), |(word, n)| (word, Some(n)));
    let attempts_max = attempts.and_then(|attempts| attempts.parse::<u32>().ok());
    match (word, attempts, attempts_max) {
        ("always" | "unless-stopped", None, _) => RestartPolicy::ALWAYS,
        ("no" | "false" | "none" | "", None, _) => RestartPolicy::NEVER,
        ("on-failure", None, _) | ("on-failure", _, Some(_)) => RestartPolicy {
            attempts_max: attempts_max.filter(|attempts| *attempts > 0),
            ..RestartPolicy::of(RestartCondition::OnFailure)
        },
        _ => {
            let words = ["always", "unless-stopped", "on-failure", "no"];
            let shown: String = text.chars().take(40).collect();
            findings.add(
                error(
                    "bad-value",
                    format!("`services.{name}.restart` cannot be `{shown}`"),
                )
                .at(node.span)
                .help("write no, always, unless-stopped, on-failure or on-failure:3")
                .help_maybe(did_you_mean(word, words)),
            );
            RestartPolicy::default()
        }
    }
}
