use std::collections::BTreeSet;

use super::Loader;
use crate::findings::{error, warning};
use crate::tree::{Map, Node};
use ondol_model::did_you_mean;

impl Loader<'_> {
    /// Leaves the services that run: those without a profile, with an active one, named by the caller,
    /// or needed by one of these. What is left says nothing of profiles any more.
    pub(super) fn keep_enabled(&mut self, tree: &mut Node, profiles: &[String], named: &[String]) {
        let services = tree
            .map_mut()
            .and_then(|map| map.get_mut("services")?.node.map_mut());
        let Some(services) = services else { return };
        self.tell_unknown(services, profiles, named);
        let known: BTreeSet<String> = services.keys().map(|name| name.to_string()).collect();
        let enabled = enabled(services, profiles, named);
        services.retain(|name, _| enabled.contains(&**name));
        for service in services
            .values_mut()
            .filter_map(|entry| entry.node.map_mut())
        {
            service.remove("profiles");
            let depends_on = service
                .get_mut("depends_on")
                .and_then(|entry| entry.node.map_mut());
            if let Some(depends_on) = depends_on {
                let is_off = |name: &str| known.contains(name) && !enabled.contains(name);
                depends_on.retain(|name, entry| is_required(&entry.node) || !is_off(name));
            }
        }
    }

    fn tell_unknown(&mut self, services: &Map, profiles: &[String], named: &[String]) {
        for name in named
            .iter()
            .filter(|name| !services.contains_key(name.as_str()))
        {
            let close = did_you_mean(name, services.keys().map(|name| &**name));
            let finding = error("unknown-service", format!("there is no service `{name}`"));
            self.findings.add(finding.help_maybe(close));
        }
        let all = services
            .values()
            .filter_map(|entry| entry.node.get("profiles"));
        let all: BTreeSet<&str> = all.flat_map(Node::items).filter_map(Node::text).collect();
        for name in profiles
            .iter()
            .filter(|name| *name != "*" && !all.contains(name.as_str()))
        {
            let close = did_you_mean(name, all.iter().copied());
            let finding = warning(
                "unknown-profile",
                format!("no service has the profile `{name}`"),
            );
            self.findings.add(finding.help_maybe(close));
        }
    }
}

fn enabled(services: &Map, profiles: &[String], named: &[String]) -> BTreeSet<String> {
    let is_active = |name: &str, service: &Node| {
        let own = service.get("profiles").map(Node::items).unwrap_or_default();
        let wanted = |profile: &str| {
            profiles
                .iter()
                .any(|active| active == profile || active == "*")
        };
        own.is_empty()
            || named.iter().any(|one| one == name)
            || own.iter().filter_map(Node::text).any(wanted)
    };
    let active = services
        .iter()
        .filter(|(name, entry)| is_active(name, &entry.node));
    let mut to_visit: Vec<String> = active.map(|(name, _)| name.to_string()).collect();
    let mut enabled = BTreeSet::new();
    while let Some(name) = to_visit.pop() {
        let Some(entry) = services.get(name.as_str()) else {
            continue;
        };
        if enabled.insert(name) {
            let depends_on = entry
                .node
                .get("depends_on")
                .into_iter()
                .flat_map(Node::entries);
            let needed = depends_on.filter(|(_, entry)| is_required(&entry.node));
            to_visit.extend(needed.map(|(name, _)| name.to_string()));
        }
    }
    enabled
}

/// Whether a dependency must be there.
fn is_required(dependency: &Node) -> bool {
    dependency.get("required").and_then(Node::text) != Some("false")
}
