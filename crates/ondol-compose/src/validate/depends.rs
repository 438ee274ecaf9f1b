use std::collections::BTreeMap;
use std::sync::Arc;

use crate::findings::{Findings, error};
use crate::tree::{Entry, Map, Node};
use ondol_model::did_you_mean;

/// Dependencies exist, and none leads back to where it began.
pub(super) fn validate(services: &Map, findings: &mut Findings) {
    for (name, entry) in services {
        for (other, dependency) in dependencies(&entry.node) {
            let is_required = dependency.node.get("required").and_then(Node::text) != Some("false");
            if services.contains_key(other) || !is_required {
                continue;
            }
            let shown: String = other.chars().take(60).collect();
            let close = did_you_mean(other, services.keys().map(|name| &**name));
            findings.add(
                error(
                    "undefined",
                    format!("`services.{name}` depends on `{shown}`, which is not a service"),
                )
                .at(dependency.key)
                .help("define it, remove it here, or mark it `required: false`")
                .help_maybe(close),
            );
        }
    }
    if let Some(cycle) = cycle(services) {
        let names: Vec<&str> = cycle.iter().map(|name| &**name).collect();
        let mut finding = error(
            "dependency-cycle",
            format!("services wait for each other: {}", names.join(" -> ")),
        )
        .help(
            "remove one of these dependencies; a service can also retry until the other is there",
        );
        for (at, pair) in cycle.windows(2).enumerate().take(4) {
            let entry = services
                .get(&pair[0])
                .and_then(|entry| entry.node.at(&["depends_on"])?.map()?.get(&pair[1]));
            finding = match (entry, at) {
                (Some(entry), 0) => finding
                    .at(entry.key)
                    .label(format!("`{}` waits for `{}`", pair[0], pair[1])),
                (Some(entry), _) => {
                    finding.see(entry.key, format!("`{}` waits for `{}`", pair[0], pair[1]))
                }
                (None, _) => finding,
            };
        }
        findings.add(finding);
    }
}

fn dependencies(service: &Node) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
    let depends_on = service.get("depends_on");
    depends_on.into_iter().flat_map(Node::entries)
}

/// The first cycle, with its first service again at its end. Depth first, without recursion.
fn cycle(services: &Map) -> Option<Vec<Arc<str>>> {
    let below = |entry: &Entry| -> Vec<Arc<str>> {
        let names = dependencies(&entry.node).map(|(name, _)| name.clone());
        names.collect()
    };
    // The services that were come to, and whether all below them were too.
    let mut seen: BTreeMap<Arc<str>, bool> = BTreeMap::new();
    for (start, entry) in services {
        let mut path = Vec::new();
        if !seen.contains_key(start) {
            seen.insert(start.clone(), false);
            path.push((start.clone(), below(entry)));
        }
        while let Some((name, left)) = path.last_mut() {
            let Some(next) = left.pop() else {
                seen.insert(name.clone(), true);
                path.pop();
                continue;
            };
            match (seen.get(&next), services.get(&next)) {
                (Some(false), _) => {
                    let from = path.iter().position(|(name, _)| *name == next)?;
                    let cycle = path[from..].iter().map(|(name, _)| name.clone());
                    return Some(cycle.chain([next]).collect());
                }
                (None, Some(entry)) => {
                    seen.insert(next.clone(), false);
                    path.push((next, below(entry)));
                }
                _ => {}
            }
        }
    }
    None
}
