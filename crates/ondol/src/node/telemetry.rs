//! The telemetry of the node: opened beside everything else, and never a reason not to begin.

mod follow;
mod usage;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Uri;
use ondol_api::NodeState;
use ondol_model::{Metrics, ReplicaId};
use ondol_observe::{Forward, Running, Settings, Telemetry};
use ondol_runtime::{Engine, Sandbox};
use ondol_telemetry::{Config, EventConfig, Retention};
use tokio::sync::{mpsc, watch};

use super::tail::Tail;
use super::{Node, holder};
use follow::Observed;

/// Where OpenTelemetry's SDKs send to when nobody tells them anything: HTTP, and gRPC.
const DEFAULT_PORTS: [u16; 2] = [4318, 4317];

/// How long a sample, line or span may take to come in before its moment is forwarded.
const SETTLE_MS: i64 = 10_000;

/// Where the telemetry listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listen {
    /// On the loopback interface, at the ports that OpenTelemetry expects.
    #[default]
    Usual,
    /// There, and nowhere else.
    At(SocketAddr),
    /// Nowhere: commands ask through the state folder.
    Nowhere,
}

/// What was asked of the telemetry when the node was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) listen: Listen,
    pub(crate) metrics: Retention,
    pub(crate) events: Retention,
    /// Where metrics go on to: a remote write.
    pub(crate) forward: Option<Uri>,
    /// Where log lines and spans go on to: an endpoint of OTLP.
    pub(crate) forward_events: Option<Uri>,
    /// Where people reach it, for links of alerts.
    pub(crate) url: Option<String>,
}

/// The telemetry of this node.
pub(super) struct Observing {
    pub(super) telemetry: Telemetry,
    running: Running,
    tail: Option<Tail>,
    observed: watch::Sender<(Vec<Observed>, String)>,
}

/// Opens it. What there is to complain about comes through `said`, now and later.
pub(super) fn start(
    asked: &Asked,
    state_dir: &Path,
    engine: &Engine,
    said: &mpsc::UnboundedSender<String>,
) -> Option<Observing> {
    let complain = |what: String| {
        // It is heard by the loop of the node, as long as there is one.
        let _ = said.send(what);
    };
    let settings = Settings {
        dir: state_dir.join("telemetry"),
        samples: Config {
            retention: asked.metrics,
            ..Config::default()
        },
        events: EventConfig {
            retention: asked.events,
            ..EventConfig::default()
        },
        forward: asked.forward.clone().map(|url| forward(url, "node")),
        forward_events: (asked.forward_events.clone()).map(|url| forward(url, "host.name")),
        external_url: asked.url.clone(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let (telemetry, running) = match Telemetry::start(settings, said.clone()) {
        Ok(started) => started,
        Err(error) => {
            complain(format!(
                "there is no telemetry, and nothing is recorded: {error}"
            ));
            return None;
        }
    };
    for address in addresses(asked.listen) {
        if let Err(error) = TcpListener::bind(address).and_then(|socket| telemetry.listen(socket)) {
            complain(not_open(address, &error));
        }
    }
    let path = socket(state_dir);
    let opened = ondol_api::bind(&path).and_then(tokio::net::UnixListener::into_std);
    if let Err(error) = opened.and_then(|socket| telemetry.listen_unix(socket)) {
        complain(format!(
            "{} could not be opened: {error}; `ondol metrics` and its like will not work",
            path.display()
        ));
    }
    let (observed, seen) = watch::channel(Default::default());
    tokio::spawn(follow::run(seen, engine.clone(), telemetry.clone()));
    Some(Observing {
        telemetry,
        running,
        observed,
        tail: None,
    })
}

impl Observing {
    /// Begins to take in what replicas write, and to listen where they can reach it.
    pub(super) async fn meet(
        &mut self,
        engine: &Engine,
        state: watch::Receiver<Arc<NodeState>>,
        said: &mpsc::UnboundedSender<String>,
    ) {
        let complain = |what: String| drop(said.send(what));
        match Tail::start(self.telemetry.clone(), state, engine) {
            Ok(tail) => self.tail = Some(tail),
            Err(error) => complain(format!("what replicas write is not recorded: {error}")),
        }
        match self.open_for_services(engine).await {
            Ok(address) => engine.set_telemetry(address),
            Err(error) => complain(format!(
                "services cannot reach the telemetry: {error}; they are not told where it is"
            )),
        }
    }

    /// Where services reach it: at the gateway of their network, or where everybody does.
    async fn open_for_services(&self, engine: &Engine) -> io::Result<Option<SocketAddr>> {
        let all = self.telemetry.addresses();
        let Some(first) = all.first().copied() else {
            return Ok(None);
        };
        if engine.sandbox() == Sandbox::None {
            return Ok(Some(first));
        }
        let gateway = IpAddr::V4(engine.subnets().gateway());
        for port in DEFAULT_PORTS {
            let socket = engine.listen((gateway, port).into()).await?;
            self.telemetry.listen_for_services(socket)?;
        }
        let [port, _] = DEFAULT_PORTS;
        Ok(Some((gateway, port).into()))
    }

    /// Ends it; what was taken in lasts then.
    pub(super) async fn leave(self) {
        let leave = move || {
            if let Some(tail) = self.tail {
                tail.leave();
            }
            self.running.leave();
        };
        // They are threads of their own, which may have to wait for the disk.
        let _ = tokio::task::spawn_blocking(leave).await;
    }
}

/// With what tells this machine from others at the receiver, under this name.
fn forward(url: Uri, name: &str) -> Forward {
    let host = nix::unistd::gethostname().ok();
    let host = host.and_then(|host| host.into_string().ok());
    Forward {
        url,
        labels: host
            .map(|host| (name.to_owned(), host))
            .into_iter()
            .collect(),
        settle_ms: SETTLE_MS,
    }
}

/// The socket through which commands ask.
pub(crate) fn socket(state_dir: &Path) -> PathBuf {
    state_dir.join("telemetry.sock")
}

fn addresses(listen: Listen) -> Vec<SocketAddr> {
    match listen {
        Listen::Usual => DEFAULT_PORTS
            .map(|port| (Ipv4Addr::LOCALHOST, port).into())
            .to_vec(),
        Listen::At(address) => vec![address],
        Listen::Nowhere => Vec::new(),
    }
}

fn not_open(address: SocketAddr, error: &io::Error) -> String {
    let holder = match error.kind() {
        io::ErrorKind::AddrInUse => holder::of_port(address.port()),
        _ => None,
    };
    let why = match (error.kind(), holder) {
        (io::ErrorKind::AddrInUse, Some(holder)) => format!("is in use by {holder}"),
        (io::ErrorKind::AddrInUse, None) => "is in use".to_owned(),
        _ => format!("could not be opened: {error}"),
    };
    format!(
        "telemetry: {address} {why}; expected to answer OpenTelemetry and queries there; \
         `ondol serve --telemetry ADDRESS` (ONDOL_TELEMETRY) takes another one, `off` none"
    )
}

impl Node {
    /// Observes the replicas that run now.
    pub(super) fn observe(&self, state: &NodeState) {
        let Some(observing) = &self.telemetry else {
            return;
        };
        let mut observed = Vec::new();
        for project in state.projects.values() {
            let kept = self.kept.get(&project.name);
            for service in &project.services {
                let wanted = kept.and_then(|kept| kept.wish.project.services.get(&service.name));
                let metrics = wanted.map(|service| service.metrics.clone());
                let running = service
                    .replicas
                    .iter()
                    .filter(|replica| replica.pid.is_some());
                observed.extend(running.map(|replica| {
                    Observed {
                        id: ReplicaId {
                            project: project.name.clone(),
                            service: replica.service.clone(),
                            number: replica.number,
                        },
                        name: replica.name.clone(),
                        restarts: replica.restarts,
                        host: replica
                            .ip
                            .map_or("127.0.0.1".to_owned(), |ip| ip.to_string()),
                        port: service.ports.first().copied(),
                        // Nobody asks a one-off: it has none of the service's ports.
                        metrics: match replica.one_off {
                            true => Metrics::Off,
                            false => metrics.clone().unwrap_or_default(),
                        },
                    }
                }));
            }
        }
        let mut summary = usage::summary(state.projects.values());
        summary.push_str(&self.keys.page());
        let seen = (observed, summary);
        observing.observed.send_if_modified(|before| {
            let changed = *before != seen;
            *before = seen;
            changed
        });
    }

    /// Lets the telemetry follow what the projects that are wanted say about alerts.
    pub(super) fn follow_alerts(&mut self) {
        let Some(observing) = &self.telemetry else {
            return;
        };
        if self.alerts_version == Some(self.wishes_version) {
            return;
        }
        self.alerts_version = Some(self.wishes_version);
        let projects = self.kept.iter();
        let alerts = projects.map(|(name, kept)| (name.as_str(), &kept.wish.project.alerts));
        for problem in observing.telemetry.alerts(alerts) {
            self.complain(&format!("alerts: {problem}"));
        }
    }

    /// Where the telemetry listens.
    pub(super) fn telemetry_addresses(&self) -> Vec<SocketAddr> {
        let observing = self.telemetry.as_ref();
        observing.map_or(Vec::new(), |observing| observing.telemetry.addresses())
    }
}
