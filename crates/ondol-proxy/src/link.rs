mod session;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use ondol_model::{EndpointTable, ListenerId, Observation, ReplicaId, RunId, Signals, Snapshot};
use tokio::sync::{mpsc, oneshot};

use crate::{CircuitStatus, Purge, Status};
use session::Session;

/// Listening sockets by the listener they belong to.
pub type Sockets = BTreeMap<ListenerId, Arc<OwnedFd>>;

/// The node's end of the control socket. Clones name the same link; it ends when the last is dropped.
///
/// It is level-triggered: it remembers the last snapshot, all sockets, every table, every replica whose drain is
/// awaited and how far reports are counted, connects again for ever, and tells a new proxy all of it. Nothing has to be sent twice by its user.
///
/// ```no_run
/// use ondol_proxy::{Link, LinkEvent, Sockets};
/// # use ondol_model::{EndpointTable, Snapshot};
/// # async fn node(snapshot: Snapshot, sockets: Sockets, table: EndpointTable) {
/// let (link, mut events) = Link::start("/var/lib/ondol/proxy.sock".into());
/// while let Some(event) = events.recv().await {
///     match event {
///         LinkEvent::Absent => { /* start `ondol proxy`; also when it died */ }
///         LinkEvent::Connected(hello) => {
///             // `hello.snapshot` is what it serves already; bind only what is not in it.
///             link.publish(table.clone());
///             link.send_snapshot(snapshot.clone(), sockets.clone());
///         }
///         LinkEvent::Saw(observation) => { /* for the control core */ }
///         LinkEvent::Accepted { .. } | LinkEvent::Refused { .. } => {}
///         LinkEvent::Circuits(_) | LinkEvent::Signals(_) | LinkEvent::Lost => {}
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Link {
    commands: mpsc::UnboundedSender<Command>,
}

/// What comes from the proxy.
#[derive(Debug)]
pub enum LinkEvent {
    /// No proxy listens on the control socket: start one. Said as soon as it is found missing, and again every
    /// second while it is. One that is started besides a living one ends at once.
    Absent,
    /// A proxy is there. Says what it did when it was met.
    Connected(Hello),
    /// The connection broke: the proxy died or is dying.
    Lost,
    /// Every worker uses the snapshot of this version, and what it closes is closed.
    Accepted {
        /// Its version.
        version: u64,
        /// Listeners without a socket that the proxy could not bind, and why, for people. All others are served;
        /// these are tried again with the next snapshot.
        failed: Vec<(ListenerId, String)>,
    },
    /// The proxy cannot use a snapshot, because it contradicts itself, and keeps the one before.
    Refused {
        /// Its version.
        version: u64,
        /// Why, for people.
        reason: String,
    },
    /// The circuits that are not closed: all of them, whenever one changes and after each connection.
    Circuits(Vec<CircuitStatus>),
    /// What happened to requests since the last time, about once a second while there are any; only when the snapshot
    /// asks for it ([`Snapshot::signals`]), and not before [`Link::counted`] was said once. Each report comes once; one
    /// that is not said to be counted comes again to the node that follows this one.
    Signals(Box<Signals>),
    /// [`Observation::Acknowledged`], [`Observation::Drained`] or [`Observation::Awaited`]. May be repeated after the proxy was restarted.
    Saw(Observation),
}

/// What a proxy said first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    /// Its process id.
    pub pid: u32,
    /// Version of the program that it runs. A node of another version should end it by SIGTERM and start its own:
    /// no request is lost by that.
    pub build: String,
    /// What it serves: version 0 and no listeners when it begins from nothing. The sockets of these listeners
    /// are already held by the link, so a new node that wants the same address takes the same [`ListenerId`].
    pub snapshot: Snapshot,
    /// The endpoints it knows.
    pub tables: Vec<EndpointTable>,
}

enum Command {
    Snapshot(Snapshot, Sockets),
    Publish(EndpointTable),
    AwaitDrained(ReplicaId, RunId),
    Status(oneshot::Sender<Status>),
    Purge(Purge, oneshot::Sender<u64>),
    Counted(BTreeMap<u64, u64>),
}

impl Link {
    /// Connects to the proxy at `control_socket`, now and whenever it is lost. Needs a tokio runtime.
    ///
    /// The first event is [`LinkEvent::Connected`] or [`LinkEvent::Absent`]. Wait for it before binding any address:
    /// a proxy that outlived the last node brings its sockets back.
    pub fn start(control_socket: PathBuf) -> (Link, mpsc::UnboundedReceiver<LinkEvent>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (events, outbox) = mpsc::unbounded_channel();
        tokio::spawn(Session::new(control_socket, events).run(inbox));
        (Link { commands }, outbox)
    }

    /// Wants this snapshot served. `sockets` are those bound since the last call ([`crate::bind`]); the link holds
    /// all others already. A listener that has no socket anywhere is bound by the proxy in its own network namespace.
    /// Answered by [`LinkEvent::Accepted`] or [`LinkEvent::Refused`].
    pub fn send_snapshot(&self, snapshot: Snapshot, sockets: Sockets) {
        self.send(Command::Snapshot(snapshot, sockets));
    }

    /// Replaces the endpoints of a service. Answered by [`Observation::Acknowledged`].
    pub fn publish(&self, table: EndpointTable) {
        self.send(Command::Publish(table));
    }

    /// Asks to be told when nothing is in flight to this start of a replica. Answered by [`Observation::Drained`];
    /// while no proxy runs, by nothing: ask only after the table without it was acknowledged.
    pub fn await_drained(&self, replica: ReplicaId, run: RunId) {
        self.send(Command::AwaitDrained(replica, run));
    }

    /// What the proxy has done since it started; `None` while there is no proxy.
    pub async fn status(&self) -> Option<Status> {
        let (answer, status) = oneshot::channel();
        self.send(Command::Status(answer));
        status.await.ok()
    }

    /// Forgets stored answers, and says how many; `None` while there is no proxy.
    pub async fn purge(&self, purge: Purge) -> Option<u64> {
        let (answer, purged) = oneshot::channel();
        self.send(Command::Purge(purge, answer));
        purged.await.ok()
    }

    /// Says up to which report of each proxy everything is counted for good, whatever happens to this node: numbers by
    /// [`ReportId::proxy`](ondol_model::ReportId). What was counted by nodes before this one is said first.
    pub fn counted(&self, counted: BTreeMap<u64, u64>) {
        self.send(Command::Counted(counted));
    }

    fn send(&self, command: Command) {
        // The session ends only after its last Link, so that this cannot fail while there is one.
        let _ = self.commands.send(command);
    }
}
