//! Everything that is needed before the loop can begin, in an order in which nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_api::{Door, NodeState, Request};
use ondol_control::{Control, Event, Machine};
use ondol_model::Observation;
use ondol_proxy::{Link, LinkEvent};
use ondol_runtime::{Config, Engine, Sandbox, Subnets};
use ondol_store::{Store, StoreError};
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::answered::Answered;
use super::clock::Clock;
use super::keys::Keys;
use super::listeners::Listeners;
use super::measure::Measuring;
use super::{Inboxes, Node, proxy, telemetry};

/// Observations that may wait; an engine that is faster waits for the core.
const OBSERVATIONS_MAX: usize = 1024;
/// Questions that may wait; a caller beyond that waits in line.
const REQUESTS_MAX: usize = 64;
/// How long a proxy may take until it answers, before the node goes on without it.
const PROXY_MAX: Duration = Duration::from_secs(3);

/// A certificate that was changed in its file is shown within this time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How a node is started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) state_dir: PathBuf,
    /// It leaves when its last project is gone.
    pub(crate) ephemeral: bool,
    /// How replicas are kept apart; `None` takes the best that this machine allows.
    pub(crate) sandbox: Option<Sandbox>,
    /// This program.
    pub(crate) ondol: PathBuf,
    /// `PATH` of the person who starts it.
    pub(crate) path: String,
    /// Home of the person who starts it.
    pub(crate) home: Option<PathBuf>,
    pub(crate) telemetry: telemetry::Asked,
}

/// Why a node could not begin.
#[derive(Debug)]
pub(crate) enum Failed {
    Store(StoreError),
    Io { what: String, error: io::Error },
}

/// Runs a node until it is told to leave.
pub(crate) fn serve(options: Options) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(failed("the node could not begin"))?;
    let result = runtime.block_on(begin(options));
    runtime.shutdown_background();
    result
}

async fn begin(options: Options) -> Result<(), Failed> {
    let store = Store::open(&options.state_dir).map_err(Failed::Store)?;
    let socket = options.state_dir.join("ondol.sock");
    let listener = ondol_api::bind(&socket)
        .map_err(failed(format!("{} could not be opened", socket.display())))?;
    let (mut node, inboxes, door) = Node::open(options, store).await?;
    node.resume().await.map_err(Failed::Store)?;
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let api = tokio::spawn(serve_api(listener, door, async move { drop(left.await) }));
    node.run(inboxes).await;
    drop(leave);
    node.take_leave().await;
    let _ = api.await;
    Ok(())
}

async fn serve_api(
    listener: UnixListener,
    door: Door,
    leave: impl Future<Output = ()> + Send + 'static,
) {
    // It ends when the node leaves, or when the socket breaks: then nobody can be told.
    let _ = ondol_api::serve(listener, door, leave).await;
}

impl Node {
    async fn open(options: Options, store: Store) -> Result<(Node, Inboxes, Door), Failed> {
        let sandbox = options.sandbox.unwrap_or_else(Sandbox::best);
        let (observe, observations) = mpsc::channel(OBSERVATIONS_MAX);
        let engine = engine(&options, sandbox, observe).await?;
        let proxies = starter(&options);
        let (link, mut proxy) = Link::start(proxy::control_socket(&options.state_dir));
        let mut listeners = Listeners::default();
        let proxy_pid = meet_proxy(&mut proxy, &proxies, &engine, &mut listeners).await?;
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let ((discarded, gone), (looked, looks)) = (mpsc::channel(1), mpsc::channel(1));
        let (measuring, measured) = Measuring::new();
        let state = watch::Sender::new(Arc::new(NodeState::default()));
        let newest_event = watch::Sender::new(store.newest_event().map_err(Failed::Store)?);
        let door = self::door(requests, &state, &newest_event);
        let (keys, authorities) = Keys::new(options.state_dir.clone());
        let (said, complaints) = mpsc::unbounded_channel();
        let telemetry = observing(&options, &engine, &state, &said).await;
        let counted = counted(telemetry.as_ref(), &link);
        let inboxes = Inboxes {
            counted,
            requests: asked,
            observations,
            proxy,
            discarded: gone,
            looked: looks,
            measured,
            told_to_leave: hear(SignalKind::terminate())?,
            interrupted: hear(SignalKind::interrupt())?,
            look: tokio::time::interval(LOOK_EVERY),
            authorities,
            telemetry: complaints,
        };
        let node = Node {
            control: Control::new(machine(&engine)),
            engine,
            link,
            proxies,
            proxy_pid,
            store,
            clock: Clock::start(),
            answered: Answered::met(listeners.version()),
            listeners,
            keys,
            kept: BTreeMap::new(),
            addresses: BTreeMap::new(),
            refused: BTreeMap::new(),
            circuits: Vec::new(),
            circuits_version: 0,
            readings: Default::default(),
            measuring,
            route_files: Default::default(),
            telemetry,
            alerts_version: None,
            wishes_version: 0,
            state,
            reached: None,
            shown: BTreeMap::new(),
            newest_event,
            state_dir: options.state_dir,
            sandbox: super::doctor::word(sandbox),
            ephemeral: options.ephemeral,
            discarding: BTreeSet::new(),
            discarded,
            looked,
            leaving: false,
            one_off_next: 0,
            complaints: Box::new(io::stderr()),
        };
        Ok((node, inboxes, door))
    }

    /// Takes up what an earlier node left: first what is wanted, then what is there.
    async fn resume(&mut self) -> Result<(), StoreError> {
        for kept in self.store.wishes()? {
            self.want(kept.wish, kept.revision)?;
        }
        let memories = self.store.memories()?;
        self.control
            .handle(Event::Remembered(memories), self.clock.now());
        let inventory = self.engine.inventory().await;
        self.change(Event::Found(inventory));
        self.change(Event::Saw(Observation::Machine(self.engine.capacity())));
        Ok(())
    }

    /// A node without projects leaves nothing behind; one with projects leaves them as they are.
    async fn take_leave(&mut self) {
        if let Some(observing) = self.telemetry.take() {
            observing.leave().await;
        }
        if self.is_empty() && self.control.view().projects.is_empty() {
            if let Some(pid) = self.proxy_pid {
                super::proxy::end(pid);
            }
            self.engine.leave().await;
        }
    }
}

async fn engine(
    options: &Options,
    sandbox: Sandbox,
    observe: mpsc::Sender<Observation>,
) -> Result<Engine, Failed> {
    let engine = Engine::open(config(options, sandbox), observe).await;
    engine.map_err(failed("services cannot be run here"))
}

fn hear(kind: SignalKind) -> Result<Signal, Failed> {
    signal(kind).map_err(failed("signals cannot be heard"))
}

fn starter(options: &Options) -> proxy::Starter {
    proxy::Starter {
        ondol: options.ondol.clone(),
        state_dir: options.state_dir.clone(),
    }
}

/// What the telemetry has counted of the proxy's reports, which the proxy is told.
fn counted(
    telemetry: Option<&telemetry::Observing>,
    link: &Link,
) -> watch::Receiver<BTreeMap<u64, u64>> {
    let counted = match telemetry {
        Some(observing) => observing.telemetry.counted(),
        None => watch::Sender::default().subscribe(),
    };
    link.counted(counted.borrow().clone());
    counted
}

/// What the routes need of the node.
fn door(
    requests: mpsc::Sender<Request>,
    state: &watch::Sender<Arc<NodeState>>,
    newest_event: &watch::Sender<u64>,
) -> Door {
    Door {
        requests,
        state: state.subscribe(),
        newest_event: newest_event.subscribe(),
    }
}

/// The telemetry, and what it hears of replicas.
async fn observing(
    options: &Options,
    engine: &Engine,
    state: &watch::Sender<Arc<NodeState>>,
    said: &mpsc::UnboundedSender<String>,
) -> Option<telemetry::Observing> {
    let mut observing = telemetry::start(&options.telemetry, &options.state_dir, engine, said)?;
    observing.meet(engine, state.subscribe(), said).await;
    Some(observing)
}

/// Waits for the proxy's first word: one that outlived the last node brings its sockets back.
async fn meet_proxy(
    events: &mut mpsc::UnboundedReceiver<LinkEvent>,
    proxies: &proxy::Starter,
    engine: &Engine,
    listeners: &mut Listeners,
) -> Result<Option<u32>, Failed> {
    let met = async {
        while let Some(event) = events.recv().await {
            match event {
                LinkEvent::Connected(hello) => {
                    // What another build served is what the next one is handed, sockets and all.
                    if hello.snapshot.version > 0 {
                        listeners.resume(hello.snapshot);
                    }
                    if hello.build == proxy::BUILD {
                        return Ok(Some(hello.pid));
                    }
                    proxy::end(hello.pid);
                }
                LinkEvent::Absent => proxies.start(engine)?,
                _ => {}
            }
        }
        Ok(None)
    };
    let met = tokio::time::timeout(PROXY_MAX, met).await;
    met.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(failed(
            "the proxy does not answer; its log is proxy.log in the state folder",
        ))
}

fn config(options: &Options, sandbox: Sandbox) -> Config {
    Config {
        state_dir: options.state_dir.clone(),
        sandbox,
        ondol: options.ondol.clone(),
        path: options.path.clone(),
        home: options.home.clone(),
        subnets: Subnets::default(),
    }
}

/// What this machine has, and what placement constraints may ask for.
fn machine(engine: &Engine) -> Machine {
    let hostname = nix::unistd::gethostname().ok();
    let attributes = [
        (
            "node.hostname",
            hostname.and_then(|name| name.into_string().ok()),
        ),
        ("node.role", Some("manager".to_owned())),
        ("node.platform.os", Some(std::env::consts::OS.to_owned())),
        (
            "node.platform.arch",
            Some(std::env::consts::ARCH.to_owned()),
        ),
    ];
    let known = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
    Machine {
        capacity: engine.capacity(),
        attributes: attributes.into_iter().filter_map(known).collect(),
    }
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failed {
    let what = what.into();
    move |error| Failed::Io { what, error }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Store(error) => write!(f, "{error}\nhelp: {}", error.hint()),
            Failed::Io { what, error } => write!(f, "{what}: {error}"),
        }
    }
}
