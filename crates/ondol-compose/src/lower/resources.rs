use std::collections::BTreeMap;

use ondol_model::{Resources, Ulimit};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;

/// `deploy.resources` and its older twins, which must not contradict it.
pub(super) fn resources(name: &str, service: &Node, findings: &mut Findings) -> Resources {
    let limits = |key: &'static str| ["deploy", "resources", "limits", key];
    let reserved = |key: &'static str| ["deploy", "resources", "reservations", key];
    let mut twins = Twins {
        name,
        service,
        findings,
    };
    let cpu_limit = twins.either(&limits("cpus"), "cpus", read::milli);
    Resources {
        cpu_limit_milli: cpu_limit.filter(|milli| *milli > 0),
        memory_limit: twins.either(&limits("memory"), "mem_limit", read::size),
        pids_limit: twins.either(&limits("pids"), "pids_limit", read::limit),
        memory_reserved: twins
            .either(&reserved("memory"), "mem_reservation", read::size)
            .unwrap_or_default(),
        cpu_reserved_milli: read::milli(service, &reserved("cpus")).unwrap_or(0),
    }
}

/// `deploy.replicas` and `scale`.
pub(super) fn replicas(name: &str, service: &Node, findings: &mut Findings) -> u32 {
    let mut twins = Twins {
        name,
        service,
        findings,
    };
    twins
        .either(&["deploy", "replicas"], "scale", read::number)
        .unwrap_or(1)
}

struct Twins<'a> {
    name: &'a str,
    service: &'a Node,
    findings: &'a mut Findings,
}

impl Twins<'_> {
    /// The value of two keys that mean the same.
    fn either<T: PartialEq>(
        &mut self,
        path: &[&str],
        old: &str,
        read: fn(&Node, &[&str]) -> Option<T>,
    ) -> Option<T> {
        let (new_value, old_value) = (read(self.service, path), read(self.service, &[old]));
        if let (Some(new), Some(node)) = (self.service.at(path), self.service.get(old))
            && new_value != old_value
        {
            let (name, path) = (self.name, path.join("."));
            self.findings.add(
                error(
                    "conflict",
                    format!("`services.{name}`: `{old}` and `{path}` mean the same, but differ"),
                )
                .at(node.span)
                .see(new.span, "and here")
                .help(format!("keep `{path}`")),
            );
        }
        new_value.or(old_value)
    }
}

/// `ulimits`; -1 is unlimited.
pub(super) fn ulimits(service: &Node) -> BTreeMap<String, Ulimit> {
    let entries = service.get("ulimits").into_iter().flat_map(Node::entries);
    let limit = |node: &Node, key: &str| read::number(node, &[key]);
    let ulimits = entries.filter_map(|(name, entry)| {
        let (soft, hard) = (limit(&entry.node, "soft")?, limit(&entry.node, "hard")?);
        Some((name.to_string(), Ulimit { soft, hard }))
    });
    ulimits.collect()
}
