//! The node: joins the control core to the engines, the proxy, the state and the API. The only part that knows them all.
//!
//! One owner, one loop: [`Node::run`] chooses what comes next (async), [`Node::change`] lets the core decide and
//! performs what it decided (sync). Nothing in it waits for an engine.

mod acme;
mod answer;
mod answered;
mod apply;
mod cache;
mod circuits;
mod clock;
mod conflict;
mod doctor;
mod holder;
mod keys;
mod listeners;
mod logs;
mod measure;
mod once;
mod open;
mod perform;
mod proxy;
mod publish;
mod reach;
mod readings;
mod route_files;
mod routes;
mod state;
mod tail;
mod telemetry;
mod usage;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_api::{NodeState, Request, Sandbox};
use ondol_control::{Control, Event};
use ondol_model::{Observation, ProjectName, ServiceName, Transport};
use ondol_proxy::{CircuitStatus, Link, LinkEvent};
use ondol_runtime::Engine;
use ondol_store::{Kept, Store};
use tokio::sync::{mpsc, watch};

use answered::Answered;
use clock::Clock;
use keys::Keys;
use listeners::Listeners;
pub(crate) use open::{Options, serve};
pub(crate) use proxy::control_socket as proxy_socket;
pub(crate) use telemetry::{
    Asked as TelemetryAsked, Listen as TelemetryListen, socket as telemetry_socket,
};

/// Observations taken together before the core is asked what follows, so that a burst is published once.
const BURST: usize = 256;

/// How long a node that `up` started stays without a project: the `up` may have failed.
const IDLE_MAX: Duration = Duration::from_secs(5);

pub(crate) struct Node {
    control: Control,
    engine: Engine,
    link: Link,
    proxies: proxy::Starter,
    proxy_pid: Option<u32>,
    store: Store,
    clock: Clock,
    listeners: Listeners,
    keys: Keys,
    answered: Answered,
    /// Projects that are wanted.
    kept: BTreeMap<ProjectName, Kept>,
    /// Virtual addresses, by project and service.
    addresses: BTreeMap<ProjectName, BTreeMap<ServiceName, IpAddr>>,
    /// Circuits of the proxy that are not closed.
    circuits: Vec<CircuitStatus>,
    /// Grows with each change of them.
    circuits_version: u64,
    readings: readings::Readings,
    measuring: measure::Measuring,
    /// Why ports of the machine are not open.
    refused: BTreeMap<(SocketAddr, Transport), String>,
    route_files: route_files::RouteFiles,
    telemetry: Option<telemetry::Observing>,
    /// The wishes whose alerts the telemetry follows.
    alerts_version: Option<u64>,
    /// Grows with each change of `kept`.
    wishes_version: u64,
    state: watch::Sender<Arc<NodeState>>,
    /// What the open sockets follow from.
    reached: Option<publish::Reached>,
    /// What the projects in `state` were made of.
    shown: BTreeMap<ProjectName, publish::MadeOf>,
    newest_event: watch::Sender<u64>,
    state_dir: PathBuf,
    sandbox: Sandbox,
    /// Leaves when its last project is gone.
    ephemeral: bool,
    /// Projects of which nothing runs, and whose folders are being removed.
    discarding: BTreeSet<ProjectName>,
    discarded: mpsc::Sender<ProjectName>,
    /// Where looks at the machine come in.
    looked: mpsc::Sender<apply::Looked>,
    leaving: bool,
    one_off_next: u32,
    complaints: Box<dyn Write>,
}

/// What the node listens to.
pub(crate) struct Inboxes {
    requests: mpsc::Receiver<Request>,
    observations: mpsc::Receiver<Observation>,
    proxy: mpsc::UnboundedReceiver<LinkEvent>,
    discarded: mpsc::Receiver<ProjectName>,
    looked: mpsc::Receiver<apply::Looked>,
    measured: mpsc::Receiver<measure::Measured>,
    told_to_leave: tokio::signal::unix::Signal,
    interrupted: tokio::signal::unix::Signal,
    /// When files with certificates are looked at.
    look: tokio::time::Interval,
    authorities: mpsc::UnboundedReceiver<acme::News>,
    telemetry: mpsc::UnboundedReceiver<String>,
    /// Up to which report of each proxy requests are counted for good.
    counted: watch::Receiver<BTreeMap<u64, u64>>,
}

impl Node {
    /// Until it is told to leave. Services and the proxy go on.
    async fn run(&mut self, mut inboxes: Inboxes) {
        while !self.leaving {
            let tick = self
                .control
                .poll_timeout()
                .map(|when| self.clock.until(when));
            let tick = async move {
                match tick {
                    Some(span) => tokio::time::sleep(span).await,
                    None => std::future::pending().await,
                }
            };
            let mut burst = Vec::new();
            let idle = self.ephemeral && self.is_empty() && self.control.view().projects.is_empty();
            tokio::select! {
                biased;
                _ = inboxes.told_to_leave.recv() => self.leaving = true,
                _ = inboxes.interrupted.recv() => self.leaving = true,
                _ = inboxes.observations.recv_many(&mut burst, BURST) => self.saw(burst),
                Some(event) = inboxes.proxy.recv() => self.hear(event),
                Some(project) = inboxes.discarded.recv() => self.forget(&project),
                Some(looked) = inboxes.looked.recv() => self.looked(looked),
                Some(found) = inboxes.measured.recv() => self.hear_measured(found),
                Some(request) = inboxes.requests.recv() => self.answer(request),
                () = tick => self.change(Event::Tick),
                _ = inboxes.look.tick(), if self.keys.is_needed() || !self.route_files.is_empty() => {
                    self.look_at_files();
                }
                Some(news) = inboxes.authorities.recv() => self.hear_authority(news),
                Some(said) = inboxes.telemetry.recv() => self.complain(&said),
                Ok(()) = inboxes.counted.changed() => {
                    self.link.counted(inboxes.counted.borrow_and_update().clone());
                }
                () = tokio::time::sleep(IDLE_MAX), if idle => self.leaving = true,
            }
        }
    }

    /// Lets the core decide, and does what it decided.
    fn change(&mut self, event: Event) {
        self.control.handle(event, self.clock.now());
        self.perform_all();
        self.publish();
    }

    fn saw(&mut self, burst: Vec<Observation>) {
        for observation in burst {
            self.control
                .handle(Event::Saw(observation), self.clock.now());
        }
        self.perform_all();
        self.publish();
    }

    fn hear(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Absent => self.start_proxy(),
            LinkEvent::Saw(observation) => self.saw(vec![observation]),
            LinkEvent::Refused { version, reason } => {
                self.complain(&format!("the proxy refused snapshot {version}: {reason}"));
                self.answered.refuse(version);
                self.publish();
            }
            LinkEvent::Connected(hello) => self.proxy_pid = Some(hello.pid),
            LinkEvent::Accepted { version, failed } => {
                self.not_bound(failed);
                self.answered.accept(version);
                self.publish();
            }
            LinkEvent::Circuits(circuits) => self.circuits_changed(circuits),
            LinkEvent::Signals(signals) => self.hear_signals(*signals),
            LinkEvent::Lost => {}
        }
    }

    fn start_proxy(&mut self) {
        if let Err(error) = self.proxies.start(&self.engine) {
            self.complain(&format!("the proxy could not be started: {error}"));
        }
    }

    /// Says something to whoever reads the node's log.
    fn complain(&mut self, what: &str) {
        // A log that cannot be written must not stop the node.
        let _ = writeln!(self.complaints, "ondol: {what}");
    }
}
