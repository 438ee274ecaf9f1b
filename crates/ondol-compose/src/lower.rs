//! The checked tree to the model. What the shapes have checked is not told again here: a value
//! that does not parse was refused before, and the project is dropped with it.

mod alerts;
mod autoscale;
mod check;
mod dial;
mod edge;
mod guard;
mod mounts;
mod probes;
mod read;
mod requests;
mod resources;
mod restart;
mod rollout;
mod routes;
mod service;
mod stored;
mod traffic;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ondol_model::{NetworkSpec, Project, ProjectName, ServiceName, VolumeSpec};

use crate::checks::Checks;
use crate::findings::Findings;
use crate::interpolate::Env;
use crate::tree::Node;

pub(crate) use alerts::{alert_name, rule_files};

/// Where the project was read.
pub(crate) struct Place<'a> {
    pub(crate) dir: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) env: &'a Env,
    pub(crate) checks: Checks,
}

/// The project that a tree means; `None` without a name.
pub(crate) fn project(
    tree: &Node,
    name: Option<ProjectName>,
    place: Place<'_>,
    findings: &mut Findings,
) -> Option<Project> {
    let mut services = BTreeMap::new();
    for (key, entry) in tree.get("services").into_iter().flat_map(Node::entries) {
        if let (Ok(name), false) = (ServiceName::new(key), is_left_out(&entry.node)) {
            let service = service::service(name.clone(), entry, tree, place.checks, findings);
            services.insert(name, Arc::new(service));
        }
    }
    let section = |key: &str| tree.get(key).into_iter().flat_map(Node::entries);
    let mut networks: BTreeMap<String, NetworkSpec> = section("networks")
        .map(|(key, entry)| (key.to_string(), network(&entry.node)))
        .collect();
    if services
        .values()
        .any(|service| service.networks.contains_key("default"))
    {
        networks.entry("default".to_owned()).or_default();
    }
    let volumes = section("volumes").map(|(key, entry)| (key.to_string(), volume(&entry.node)));
    let volumes = volumes.collect();
    let secrets = stored::files(tree, "secrets", place.env, findings);
    let configs = stored::files(tree, "configs", place.env, findings);
    let (edge_port, edge) = edge::edge(tree, findings);
    let alerts = alerts::alerts(tree, place.checks, findings);
    Some(Project {
        name: name?,
        dir: place.dir,
        files: place.files,
        services,
        volumes,
        networks,
        secrets,
        configs,
        edge_port,
        edge,
        alerts,
        requests: requests::rules(tree),
    })
}

/// A service that some other tool is to run: validation has said so.
fn is_left_out(service: &Node) -> bool {
    service.get("provider").is_some()
}

fn network(node: &Node) -> NetworkSpec {
    NetworkSpec {
        name: read::external_name(node),
        external: read::is_external(node),
        internal: read::flag(node, &["internal"]),
    }
}

fn volume(node: &Node) -> VolumeSpec {
    VolumeSpec {
        name: read::external_name(node),
        external: read::is_external(node),
    }
}
