//! Performs actions. Every method returns at once; what came of it is sent as an observation.

mod addresses;
mod adopt;
mod attend;
mod discard;
mod hosts;
mod inside;
mod machine;
mod oven;
mod paths;
mod plan;
mod ports;
mod prepare;
mod probe;
mod replicas;
mod start;
mod volumes;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ondol_model::{
    Capacity, Check, Digest, Exit, Hook, Inventory, Observation, ProbeKind, Project, ProjectName,
    ReplicaId, Run, RunId, Service, ServiceName, ServiceRef,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::cgroup::{Ground, Limits, Stats};
use crate::exec::ExecTarget;
use crate::sandbox::{Sandbox, Shared, Subnets};
use crate::shim::wire::{Asked, Said};
use crate::source::Obstacle;
use addresses::Addresses;
use paths::Paths;
use replicas::{Replicas, Request};

/// Starts at work at the same time; each needs a thread for a few milliseconds.
const STARTS_MAX: usize = 4;
/// Added to a port that this user may not open: 80 becomes 20080. Not 10080: browsers and `fetch` call that a bad
/// port (WHATWG Fetch, "port blocking"), and none of those they refuse lies from 20000 on.
const PORT_MOVE: u16 = 20_000;

/// What an engine is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The state folder; made with mode 0700 when it is missing.
    pub state_dir: PathBuf,
    /// How replicas are kept apart; see [`Sandbox::best`].
    pub sandbox: Sandbox,
    /// This program, which is started anew as `<ondol> shim <folder>` and `<ondol> world <folder>`.
    pub ondol: PathBuf,
    /// `PATH` of the person who started the node: toolchains in their home that it names are shown to services.
    pub path: String,
    /// The home of that person.
    pub home: Option<PathBuf>,
    /// Addresses to use; the next ones that are free where another node of this machine has these.
    pub subnets: Subnets,
}

/// The runtime of one node. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    paths: Paths,
    ground: Ground,
    observations: mpsc::Sender<Observation>,
    starts: Semaphore,
    shared: Shared,
    /// Virtual addresses are served at no port below.
    first_port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    replicas: Replicas,
    /// Replicas that are being removed: a start of the same name waits until the removal lets go of its sender.
    going: BTreeMap<ReplicaId, watch::Receiver<()>>,
    addresses: Addresses,
    names: BTreeMap<ProjectName, BTreeMap<String, IpAddr>>,
    /// Main port of services that were prepared or found: what the others are told in `<NAME>_PORT`.
    ports: BTreeMap<ServiceRef, u16>,
    run_max: RunId,
    /// Who reads logs, and wants to before they are removed.
    log_reader: Option<mpsc::Sender<LastLines>>,
    /// Where services send what they say about themselves in OpenTelemetry's protocol.
    telemetry: Option<SocketAddr>,
}

/// The log of a replica is about to be removed: all its lines are written. Dropping this lets the removal go on.
#[derive(Debug)]
pub struct LastLines {
    /// Whose log it is.
    pub replica: ReplicaId,
    /// The removal waits for its end, for a moment.
    pub done: oneshot::Sender<()>,
}

impl Engine {
    /// Makes the state folder, the bridge or the world, and the control groups. Observations go to `observations`;
    /// a full channel makes the engine wait, never lose. Call inside a tokio runtime.
    pub async fn open(
        mut config: Config,
        observations: mpsc::Sender<Observation>,
    ) -> io::Result<Engine> {
        let users_meet = config.sandbox == Sandbox::None && nix::unistd::geteuid().is_root();
        let paths = Paths::open(&config.state_dir, users_meet)?;
        let ground = crate::cgroup::find(paths.tag());
        let shared = crate::sandbox::open(&mut config).await?;
        let first_port = match config.sandbox {
            Sandbox::None => crate::net::first_port(),
            Sandbox::Root | Sandbox::User => 0,
        };
        let inner = Inner {
            paths,
            first_port,
            ground,
            observations,
            starts: Semaphore::new(STARTS_MAX),
            shared,
            state: Mutex::default(),
            config,
        };
        Ok(Engine {
            inner: Arc::new(inner),
        })
    }

    /// At which port of its virtual address a service's port is called: the same one, or, where this user may not
    /// open that, another one that `<NAME>_PORT` and `<NAME>_URL` tell.
    pub fn virtual_port(&self, port: u16) -> u16 {
        self.inner.virtual_port(port)
    }

    /// What the machine has to give to services.
    pub fn capacity(&self) -> Capacity {
        machine::capacity()
    }

    /// Scans the state folder: takes charge of replicas that live on, tells of those that ended meanwhile,
    /// and clears away what was left half made. Call once, before anything is started.
    pub async fn inventory(&self) -> Inventory {
        adopt::inventory(&self.inner).await
    }

    /// Everything in a project's files that keeps its `wanted` services from being run here. Blocks for a few looks
    /// at files, so call it off the node's own thread.
    pub fn obstacles(&self, project: &Project, wanted: &dyn Fn(&Service) -> bool) -> Vec<Obstacle> {
        crate::source::obstacles(project, wanted, &self.inner.paths.volumes())
    }

    /// Makes a service's packages, sources and dependencies available.
    /// `Preparing`..., then `Prepared` or `PrepareFailed`.
    pub fn prepare(
        &self,
        project: Arc<Project>,
        service: ServiceName,
        definition: Digest,
        again: bool,
    ) {
        let inner = self.inner.clone();
        tokio::spawn(prepare::prepare(inner, project, service, definition, again));
    }

    /// Starts a replica. `Started` or `Exited`.
    pub fn start(&self, run: Run) {
        start::start(&self.inner, run);
    }

    /// Asks once. `Probed`.
    pub fn probe(
        &self,
        replica: ReplicaId,
        run: RunId,
        kind: ProbeKind,
        check: Check,
        port: Option<u16>,
        timeout: Duration,
    ) {
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let result = probe::ask(&inner, &replica, run, check, port, timeout).await;
            inner
                .observe(Observation::Probed {
                    replica,
                    run,
                    kind,
                    result,
                })
                .await;
        });
    }

    /// Runs a hook inside a replica. `HookEnded`.
    pub fn hook(&self, replica: ReplicaId, run: RunId, hook: Hook, timeout: Duration) {
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let result = inside::hook(&inner, &replica, run, hook, timeout).await;
            inner
                .observe(Observation::HookEnded {
                    replica,
                    run,
                    result,
                })
                .await;
        });
    }

    /// Sends a signal, by name or number, to a replica's main process.
    pub fn signal(&self, replica: &ReplicaId, run: RunId, signal: &str) {
        if let Some(number) = crate::signal::number(signal) {
            self.inner.ask(replica, run, Asked::Signal(number));
        }
    }

    /// Ends every process of a replica. `Exited`, also when it had ended before.
    pub fn kill(&self, replica: ReplicaId, run: RunId) {
        if self.inner.ask(&replica, run, Asked::Kill) {
            return;
        }
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let known = inner.state().replicas.exit(&replica, run);
            let exit = known.unwrap_or(Exit::Lost);
            inner
                .observe(Observation::Exited { replica, run, exit })
                .await;
        });
    }

    /// Removes what is left of a replica that ended; kills it first when it runs. A start of the same name that
    /// is asked for afterwards waits for it.
    pub fn discard(&self, replica: ReplicaId, volumes: bool) {
        tokio::spawn(discard::replica(&self.inner, replica, volumes));
    }

    /// Removes what is left of a project, its volumes too when asked. Returns when it is gone.
    pub async fn discard_project(&self, project: ProjectName, volumes: bool) {
        discard::project(self.inner.clone(), project, volumes).await;
    }

    /// Where the process of an attended one-off waits for its streams.
    pub fn streams_of(&self, replica: &ReplicaId) -> PathBuf {
        let dir = self.inner.paths.replica(replica);
        dir.join(crate::streams::SOCKET)
    }

    /// Sets a running replica's limits.
    pub fn limit(&self, replica: &ReplicaId, run: RunId, limits: Limits) {
        self.inner.ask(replica, run, Asked::Limit(limits));
    }

    /// What a replica uses now; `None` when it does not run.
    pub async fn stats(&self, replica: &ReplicaId) -> Option<Stats> {
        match self.inner.question(replica, Asked::Stats).await? {
            Said::Stats(stats) => Some(stats),
            _ => None,
        }
    }

    /// A connection to a port of a replica, wherever that is, not blocking.
    ///
    /// # Errors
    ///
    /// When it does not run, or does not answer.
    pub async fn dial(&self, replica: &ReplicaId, port: u16) -> io::Result<std::net::TcpStream> {
        probe::dial(&self.inner, replica, port).await?.into_std()
    }

    /// What `ondol exec` needs to enter a replica; `None` when it does not run.
    pub fn exec_target(&self, replica: &ReplicaId) -> Option<ExecTarget> {
        inside::target(&self.inner, replica)
    }

    /// The folder for [`crate::logs::Reader`]; it may not exist yet.
    pub fn log_dir(&self, replica: &ReplicaId) -> PathBuf {
        self.inner.paths.logs(replica)
    }

    /// Before a replica's log is removed, `reader` is asked to read the last of it.
    pub fn set_log_reader(&self, reader: mpsc::Sender<LastLines>) {
        self.inner.state().log_reader = Some(reader);
    }

    /// Replicas that are started from now on are told to send traces, metrics and logs there, by the variables of
    /// OpenTelemetry's SDKs.
    pub fn set_telemetry(&self, address: Option<SocketAddr>) {
        self.inner.state().telemetry = address;
    }

    /// The names that services of a project are called by, with their addresses: all of them, each time.
    /// Replicas that run see them at once.
    pub fn set_names(&self, project: &ProjectName, names: BTreeMap<String, IpAddr>) {
        hosts::set(&self.inner, project, names);
    }

    /// How replicas are kept apart.
    pub fn sandbox(&self) -> Sandbox {
        self.inner.config.sandbox
    }

    /// The addresses that this engine uses.
    pub fn subnets(&self) -> Subnets {
        self.inner.config.sandbox.subnets(self.inner.config.subnets)
    }

    /// A socket that listens where replicas can reach it: on the machine, or in the world when the sandbox
    /// is [`Sandbox::User`]. Sockets for people are opened on the machine, without this.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<std::net::TcpListener> {
        match self.inner.shared.world() {
            Some(world) => world.listen(address).await,
            None => crate::net::listen(address),
        }
    }

    /// Removes what replicas share (bridge, world, control groups) when none of them is left.
    /// A node that goes for good calls it; one that goes for an upgrade does not.
    pub async fn leave(&self) {
        let inner = self.inner.clone();
        if inner.state().replicas.alive().next().is_some() {
            return;
        }
        let _ = tokio::task::spawn_blocking(move || {
            match &inner.shared {
                Shared::Machine(claim) => {
                    crate::sandbox::machine::remove(claim.subnets);
                    claim.give_up();
                }
                Shared::World(world) => world.end(),
                Shared::Nothing => {}
            }
            inner.ground.remove();
        })
        .await;
    }

    /// What this machine lets the engine enforce, and what to do about the rest.
    pub fn doctor(&self) -> Vec<crate::doctor::Finding> {
        let config = &self.inner.config;
        let way_out = self.inner.shared.world().map(crate::world::World::way_out);
        crate::doctor::look(config.sandbox, config.subnets, &self.inner.ground, way_out)
    }

    /// Makes a process that is about to be started (the proxy) see the replicas' network.
    pub fn place(&self, command: &mut std::process::Command) -> io::Result<()> {
        match self.inner.shared.world() {
            Some(world) => world.place(command, true),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn virtual_port(&self, port: u16) -> u16 {
        if port < self.first_port {
            port.saturating_add(PORT_MOVE)
        } else {
            port
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn observe(&self, observation: Observation) {
        // Nobody listens any more when the node is leaving.
        let _ = self.observations.send(observation).await;
    }

    /// Asks a shim something that it does not answer; `false` when that start does not run.
    fn ask(&self, replica: &ReplicaId, run: RunId, asked: Asked) -> bool {
        let shim = self.state().replicas.shim(replica, Some(run));
        shim.is_some_and(|shim| shim.try_send(Request::order(asked)).is_ok())
    }

    /// Asks a shim something that it answers.
    async fn question(&self, replica: &ReplicaId, asked: Asked) -> Option<Said> {
        let shim = self.state().replicas.shim(replica, None)?;
        let (request, answer) = Request::question(asked);
        shim.send(request).await.ok()?;
        tokio::time::timeout(Duration::from_secs(2), answer)
            .await
            .ok()?
            .ok()
    }
}
