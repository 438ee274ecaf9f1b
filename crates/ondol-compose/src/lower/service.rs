use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use ondol_model::{
    Build, Condition, Dependency, DeployMode, Hook, LogLimits, Metrics, MetricsEndpoint, PreStart,
    PublishedPort, RuntimeKind, Service, ServiceName, Transport, WatchAction, WatchRule,
};

use super::check::Check;
use super::{
    autoscale, mounts, probes, read, resources, restart, rollout, routes, stored, traffic,
};
use crate::checks::Checks;
use crate::findings::{Findings, error, warning};
use crate::normalise::short::range;
use crate::tree::{Entry, Node};

/// Compose's `stop_grace_period` when the file says nothing.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// One service of the tree.
pub(super) fn service(
    name: ServiceName,
    entry: &Entry,
    tree: &Node,
    checks: Checks,
    findings: &mut Findings,
) -> Service {
    let node = &entry.node;
    let title = name.to_string();
    let (resources, mode) = (resources::resources(&title, node, findings), mode(node));
    let mut check = Check {
        service: &title,
        tree,
        findings,
    };
    let autoscale = autoscale::autoscale(node, &resources, mode, checks, &mut check);
    let text = |key: &str| read::text(node, &[key]);
    let own = |key: &'static str| ["x-ondol", key];
    let mut labels = read::pairs(node, &["deploy", "labels"]);
    labels.extend(read::pairs(node, &["labels"]));
    Service {
        image: text("image"),
        build: node.get("build").map(build),
        runtime: runtime(node),
        packages: read::texts(node, &own("packages")).unwrap_or_default(),
        prepare: read::texts(node, &own("prepare")),
        entrypoint: read::texts(node, &["entrypoint"]),
        command: read::texts(node, &["command"]),
        environment: read::pairs(node, &["environment"]),
        working_dir: text("working_dir"),
        user: text("user"),
        hostname: text("hostname"),
        init: read::flag(node, &["init"]),
        tty: read::flag(node, &["tty"]),
        stop_signal: text("stop_signal"),
        stop_grace: read::duration(node, &["stop_grace_period"]).unwrap_or(STOP_GRACE),
        pre_start: read::items(node, "pre_start").map(pre_start).collect(),
        post_start: read::items(node, "post_start").map(hook).collect(),
        pre_stop: read::items(node, "pre_stop").map(hook).collect(),
        ulimits: resources::ulimits(node),
        mounts: mounts::mounts(&title, node, findings),
        secrets: stored::granted(node, "secrets", "/run/secrets"),
        configs: stored::granted(node, "configs", ""),
        host_network: text("network_mode").as_deref() == Some("host"),
        networks: networks(node),
        ports: ports(&title, node, findings),
        expose: expose(node),
        port_env: read::text(node, &own("port_env")).unwrap_or_else(|| "PORT".to_owned()),
        routes: routes::routes(&title, node, tree, findings),
        traffic: traffic::traffic(&title, node, tree, findings),
        metrics: metrics(node),
        depends_on: depends_on(node, tree),
        healthcheck: probes::healthcheck(node),
        probes: probes::probes(&title, node, findings),
        restart: restart::restart(&title, node, findings),
        mode,
        autoscale,
        replicas: resources::replicas(&title, node, findings),
        resources,
        update: rollout::rollout(node, "update_config"),
        rollback: rollout::rollout(node, "rollback_config"),
        placement_constraints: read::texts(node, &["deploy", "placement", "constraints"])
            .unwrap_or_default(),
        replicas_per_node_max: read::limit(node, &["deploy", "placement", "max_replicas_per_node"]),
        watch: watch(&title, node, findings),
        logs: logs(node),
        labels,
        container_name: text("container_name"),
        attended: false,
        start_dir: None,
        name,
    }
}

/// `x-ondol.metrics`.
fn metrics(node: &Node) -> Metrics {
    let Some(own) = node.at(&["x-ondol", "metrics"]) else {
        return Metrics::default();
    };
    if read::flag(own, &["off"]) {
        return Metrics::Off;
    }
    let usual = MetricsEndpoint::default();
    Metrics::At(MetricsEndpoint {
        port: read::number(own, &["port"]),
        path: read::text(own, &["path"]).unwrap_or(usual.path),
        interval: read::duration(own, &["interval"]).unwrap_or(usual.interval),
    })
}

fn build(node: &Node) -> Build {
    Build {
        context: read::text(node, &["context"])
            .map(PathBuf::from)
            .unwrap_or_default(),
        dockerfile: read::text(node, &["dockerfile"]).map(PathBuf::from),
        dockerfile_inline: read::text(node, &["dockerfile_inline"]),
        target: read::text(node, &["target"]),
        args: read::pairs(node, &["args"]),
    }
}

fn runtime(node: &Node) -> RuntimeKind {
    match read::text(node, &["x-ondol", "runtime"]).as_deref() {
        Some("process") => RuntimeKind::Process,
        Some("container") => RuntimeKind::Container,
        _ => RuntimeKind::Auto,
    }
}

fn mode(node: &Node) -> DeployMode {
    match read::text(node, &["deploy", "mode"]).as_deref() {
        Some("global") => DeployMode::Global,
        Some("replicated-job" | "global-job") => DeployMode::Job,
        _ => DeployMode::Replicated,
    }
}

fn pre_start(node: &Node) -> PreStart {
    PreStart {
        hook: hook(node),
        per_replica: read::flag(node, &["per_replica"]),
    }
}

fn hook(node: &Node) -> Hook {
    Hook {
        command: read::texts(node, &["command"]).unwrap_or_default(),
        user: read::text(node, &["user"]),
        working_dir: read::text(node, &["working_dir"]),
        environment: read::pairs(node, &["environment"]),
        privileged: read::flag(node, &["privileged"]),
    }
}

/// The networks it is on with its aliases there; the project's own when it says nothing.
fn networks(node: &Node) -> BTreeMap<String, Vec<String>> {
    let of_its_own = match read::text(node, &["network_mode"]).as_deref() {
        Some("host" | "none") => return BTreeMap::new(),
        _ => node
            .get("networks")
            .and_then(Node::map)
            .filter(|map| !map.is_empty()),
    };
    match of_its_own {
        None => BTreeMap::from([("default".to_owned(), Vec::new())]),
        Some(map) => map
            .iter()
            .map(|(name, entry)| {
                (
                    name.to_string(),
                    read::texts(&entry.node, &["aliases"]).unwrap_or_default(),
                )
            })
            .collect(),
    }
}

fn ports(name: &str, node: &Node, findings: &mut Findings) -> Vec<PublishedPort> {
    let mut port = |node: &Node| {
        let published = read::text(node, &["published"]).unwrap_or_default();
        let first = range(&published).ok();
        if let Some((first, last)) = first
            && first < last
        {
            findings.add(
                warning("not-acted-on", format!("`services.{name}` may be published on any of {published}; Ondol takes {first}"))
                    .at(node.span)
                    .help("write the one port that you want"),
            );
        }
        Some(PublishedPort {
            target: read::number(node, &["target"])?,
            published: first.map(|(first, _)| first),
            host_ip: read::number(node, &["host_ip"]),
            transport: match read::text(node, &["protocol"]).as_deref() {
                Some("udp") => Transport::Udp,
                _ => Transport::Tcp,
            },
            app_protocol: read::text(node, &["app_protocol"]),
        })
    };
    let items = node.get("ports").map(Node::items).unwrap_or_default();
    items.iter().filter_map(&mut port).collect()
}

/// `x-ondol.port` first, then `expose` without its protocols.
fn expose(node: &Node) -> Vec<u16> {
    let own: Option<u16> = read::number(node, &["x-ondol", "port"]);
    let written = read::texts(node, &["expose"]).unwrap_or_default();
    let written = written
        .iter()
        .filter_map(|text| text.split('/').next()?.parse().ok());
    let mut seen = BTreeSet::new();
    let ports = own.into_iter().chain(written);
    ports.filter(|port| seen.insert(*port)).collect()
}

/// Dependencies on services that other tools run are not among them.
fn depends_on(node: &Node, tree: &Node) -> BTreeMap<ServiceName, Dependency> {
    let entries = node.get("depends_on").into_iter().flat_map(Node::entries);
    let dependency = |(name, entry): (&std::sync::Arc<str>, &Entry)| {
        let other = tree.at(&["services", name])?;
        let condition = match read::text(&entry.node, &["condition"]).as_deref() {
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::Completed,
            _ => Condition::Started,
        };
        let required = read::text(&entry.node, &["required"]).as_deref() != Some("false");
        let restart = read::flag(&entry.node, &["restart"]);
        let name = ServiceName::new(name)
            .ok()
            .filter(|_| !super::is_left_out(other))?;
        Some((
            name,
            Dependency {
                condition,
                required,
                restart,
            },
        ))
    };
    entries.filter_map(dependency).collect()
}

fn watch(name: &str, node: &Node, findings: &mut Findings) -> Vec<WatchRule> {
    let items = node
        .at(&["develop", "watch"])
        .map(Node::items)
        .unwrap_or_default();
    let mut rule = |node: &Node| {
        let action = match read::text(node, &["action"])?.as_str() {
            "rebuild" => WatchAction::Rebuild,
            "restart" => WatchAction::Restart,
            "sync" => WatchAction::Sync,
            "sync+restart" => WatchAction::SyncRestart,
            _ => WatchAction::SyncExec,
        };
        let target = read::text(node, &["target"]);
        let exec = read::texts(node, &["exec", "command"]).unwrap_or_default();
        let lacks = match action {
            WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec
                if target.is_none() =>
            {
                Some("target")
            }
            WatchAction::SyncExec if exec.is_empty() => Some("exec"),
            _ => None,
        };
        if let Some(key) = lacks {
            findings.add(
                error(
                    "missing-key",
                    format!("a rule of `services.{name}.develop.watch` has no `{key}`"),
                )
                .at(node.span)
                .help(format!("its action needs `{key}:`")),
            );
        }
        Some(WatchRule {
            path: read::text(node, &["path"])?.into(),
            ignore: read::texts(node, &["ignore"]).unwrap_or_default(),
            include: read::texts(node, &["include"]).unwrap_or_default(),
            action,
            target,
            exec,
            initial_sync: read::flag(node, &["initial_sync"]),
        })
    };
    items.iter().filter_map(&mut rule).collect()
}

fn logs(node: &Node) -> LogLimits {
    let default = LogLimits::default();
    let options = |key: &'static str| ["logging", "options", key];
    LogLimits {
        segment_max: read::size(node, &options("max-size")).unwrap_or(default.segment_max),
        segments_max: read::limit(node, &options("max-file")).unwrap_or(default.segments_max),
    }
}
