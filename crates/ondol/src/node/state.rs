//! What the control core knows, in the shapes that the API shows.

mod scaling;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ondol_api::{
    CircuitState, Edge, ProbeState, ProjectState, PublishedState, ReplicaState, ServicePhase,
    ServiceState,
};
use ondol_control::{ProjectView, ReplicaView, ServiceView};
use ondol_model::{
    DeployMode, Project, RestartCondition, Route, RunId, Service, ServiceName, ServiceRef,
    Transport,
};
use ondol_proxy::CircuitStatus;
use ondol_store::Kept;

use super::clock::Clock;
use super::listeners::Listeners;

/// What a project's state is made of.
pub(crate) struct Sources<'a> {
    pub(crate) view: &'a ProjectView,
    /// `None` when it is not wanted any more.
    pub(crate) kept: Option<&'a Kept>,
    pub(crate) addresses: &'a BTreeMap<ServiceName, IpAddr>,
    pub(crate) listeners: &'a Listeners,
    /// The proxy has answered the newest snapshot: what is ready is found there too.
    pub(crate) reachable: bool,
    /// Why published ports are not bound.
    pub(crate) refused: &'a BTreeMap<(SocketAddr, Transport), String>,
    /// Circuits of the proxy that are not closed.
    pub(crate) circuits: &'a [CircuitStatus],
    pub(crate) clock: &'a Clock,
}

pub(crate) fn project(from: &Sources<'_>) -> Arc<ProjectState> {
    let view = from.view;
    let wanted = from.kept.map(|kept| kept.wish.project.as_ref());
    Arc::new(ProjectState {
        name: view.name.clone(),
        dir: wanted
            .map(|project| project.dir.clone())
            .unwrap_or_default(),
        files: wanted
            .map(|project| project.files.clone())
            .unwrap_or_default(),
        revision: from.kept.map(|kept| kept.revision).unwrap_or_default(),
        settled: view.settled && from.reachable,
        leaving: view.leaves,
        scale: from
            .kept
            .map(|kept| kept.wish.scale.clone())
            .unwrap_or_default(),
        stopped: from
            .kept
            .map(|kept| kept.wish.stopped.clone())
            .unwrap_or_default(),
        services: view
            .services
            .values()
            .map(|service| self::service(from, service))
            .collect(),
        edges: wanted.map(edges).unwrap_or_default(),
    })
}

fn edges(project: &Project) -> Vec<Edge> {
    let routes = project
        .services
        .values()
        .flat_map(|service| service.routes.iter().map(move |route| (service, route)));
    let https = project.edge.https.as_ref();
    let redirected = https.is_some_and(|https| https.redirect);
    let edges = |(service, route): (&Arc<Service>, &Route)| {
        let host = route.host.as_deref();
        let secure = https.map(|https| {
            let port = port_unless(https.port, 443);
            // Certificates are for names.
            let host = host.unwrap_or("localhost");
            format!("https://{host}{port}{}", route.path)
        });
        let plain = (!redirected && !route.passthrough).then(|| {
            let port = port_unless(project.edge_port, 80);
            let host = host.unwrap_or("127.0.0.1");
            format!("http://{host}{port}{}", route.path)
        });
        let service = service.name.clone();
        let edge = move |url| Edge {
            url,
            service: service.clone(),
        };
        secure.into_iter().chain(plain).map(edge)
    };
    routes.flat_map(edges).collect()
}

/// A port as it stands in a URL.
fn port_unless(port: u16, usual: u16) -> String {
    match port == usual {
        true => String::new(),
        false => format!(":{port}"),
    }
}

fn service(from: &Sources<'_>, view: &ServiceView) -> ServiceState {
    let wanted = from
        .kept
        .and_then(|kept| kept.wish.project.services.get(&view.name));
    ServiceState {
        name: view.name.clone(),
        phase: phase(view.phase),
        ready: view.ready,
        wanted: view.wanted,
        job: wanted.is_some_and(|service| is_job(service)),
        settled: view.settled && from.reachable,
        waits_for: view.waits_for.clone(),
        failed: view.failed.clone(),
        rolled_back: view.rolled_back.clone(),
        runs: Some(view.runs.clone()).filter(|runs| !runs.is_empty()),
        virtual_ip: from.addresses.get(&view.name).copied(),
        ports: view.ports.clone(),
        published: wanted
            .map(|service| published(from, service))
            .unwrap_or_default(),
        circuit: circuit(from, &view.name, None),
        replicas: view
            .replicas
            .iter()
            .map(|replica| self::replica(replica, from))
            .collect(),
        scaling: view
            .scaling
            .as_ref()
            .map(|view| scaling::scaling(view, from.clock)),
    }
}

fn is_job(service: &Service) -> bool {
    service.mode == DeployMode::Job || service.restart.condition == RestartCondition::Never
}

fn published(from: &Sources<'_>, service: &Service) -> Vec<PublishedState> {
    let name = ServiceRef {
        project: from.view.name.clone(),
        service: service.name.clone(),
    };
    let state = |port: &ondol_model::PublishedPort| {
        let wanted = super::reach::published_address(port);
        let address = from.listeners.published(&name, port.target, port.transport);
        PublishedState {
            target: port.target,
            transport: port.transport,
            address,
            error: from
                .refused
                .get(&(wanted, port.transport))
                .filter(|_| address.is_none())
                .cloned(),
        }
    };
    service.ports.iter().map(state).collect()
}

/// The circuit of a service, or of one start of a replica.
fn circuit(from: &Sources<'_>, service: &ServiceName, run: Option<RunId>) -> Option<CircuitState> {
    let is_it = |circuit: &&CircuitStatus| {
        circuit.service.project == from.view.name
            && circuit.service.service == *service
            && circuit.run == run
    };
    from.circuits
        .iter()
        .find(is_it)
        .map(|circuit| CircuitState {
            half_open: circuit.half_open,
            reason: circuit.reason.clone(),
        })
}

fn replica(view: &ReplicaView, from: &Sources<'_>) -> ReplicaState {
    let clock = from.clock;
    ReplicaState {
        name: ReplicaState::name_of(&view.id),
        service: view.id.service.clone(),
        number: view.id.number,
        one_off: view.once,
        run: view.run.map(|run| run.0),
        phase: view.phase,
        definition: view.definition.to_string(),
        pid: view.pid,
        ip: view.ip,
        since_unix_ms: clock.unix_ms(view.since),
        done: view.done,
        restarts: view.restarts,
        exit: view.last_exit.clone(),
        retry_unix_ms: view.backoff_until.map(|at| clock.unix_ms(at)),
        probe: view.probe.as_ref().map(|probe| ProbeState {
            kind: probe.kind,
            ok: probe.ok,
            expected: probe.expected.clone(),
            saw: probe.saw.clone(),
            failures: probe.failures,
            failures_max: probe.failures_max,
        }),
        circuit: view
            .run
            .and_then(|run| circuit(from, &view.id.service, Some(run))),
        why: Some(view.reason.clone()).filter(|why| !why.is_empty()),
    }
}

fn phase(phase: ondol_control::ServicePhase) -> ServicePhase {
    use ondol_control::ServicePhase as Seen;
    match phase {
        Seen::Pending => ServicePhase::Pending,
        Seen::Waiting => ServicePhase::Waiting,
        Seen::Preparing => ServicePhase::Preparing,
        Seen::Starting => ServicePhase::Starting,
        Seen::Unready => ServicePhase::Unready,
        Seen::Crashed => ServicePhase::Backoff,
        Seen::Failed => ServicePhase::Failed,
        Seen::Replacing => ServicePhase::Replacing,
        Seen::Ready => ServicePhase::Ready,
        Seen::Stopping => ServicePhase::Stopping,
        Seen::Asleep => ServicePhase::Asleep,
        Seen::Stopped => ServicePhase::Stopped,
        Seen::Done => ServicePhase::Done,
    }
}
