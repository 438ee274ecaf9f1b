//! The proxy's own thread beside its workers: hears the node, checks what it wants, gives orders, remembers.

mod ack;
mod collector;
mod plan;
mod session;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{EndpointTable, ListenerId, ServiceRef, Snapshot};
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::Status;
use crate::bind;
use crate::compiled::Compiled;
use crate::entrance::Wires;
use crate::message::{ToNode, ToProxy};
use crate::run::Options;
use crate::saved::{self, Saved};
use crate::tls::Tls;
use crate::worker::{Crew, Order};
pub(crate) use ack::Ack;
use ack::Answer;
use collector::Collector;
use session::Session;

/// Changes are written down together when they come close together.
const SAVE_AFTER: Duration = Duration::from_millis(100);
/// And no more often than that while they go on.
const SAVE_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Control {
    listener: Option<UnixListener>,
    /// Held while this is the one proxy of its state folder.
    lock: Option<File>,
    state_folder: PathBuf,
    crew: Arc<Crew>,
    tls: Tls,
    session: Option<Session>,
    /// Counts the nodes that connected.
    sessions: u64,
    answers: mpsc::UnboundedSender<Answer>,
    outbox: mpsc::UnboundedReceiver<Answer>,
    compiled: Arc<Compiled>,
    wires: Arc<Wires>,
    /// Told when a circuit opens or closes.
    circuits_changed: Arc<Notify>,
    signals: Collector,
    sockets: BTreeMap<ListenerId, Arc<OwnedFd>>,
    tables: BTreeMap<ServiceRef, Arc<EndpointTable>>,
    save_at: Option<Instant>,
    saved_at: Option<Instant>,
    terminate: Signal,
    interrupt: Signal,
}

impl Control {
    /// Takes the control socket and begins with the last good state, as far as its addresses are free.
    pub(crate) fn open(options: &Options, crew: Arc<Crew>) -> io::Result<Self> {
        let (answers, outbox) = mpsc::unbounded_channel();
        let lock = saved::lock(&options.state_folder)?;
        let mut control = Control {
            lock: Some(lock),
            listener: Some(session::listen(&options.control_socket)?),
            state_folder: options.state_folder.clone(),
            signals: Collector::new(crew.clone()),
            crew,
            tls: Tls::new(),
            session: None,
            sessions: 0,
            answers,
            outbox,
            compiled: Arc::default(),
            wires: Arc::default(),
            circuits_changed: Arc::default(),
            sockets: BTreeMap::new(),
            tables: BTreeMap::new(),
            save_at: None,
            saved_at: None,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        if let Some(saved) = Saved::read(&options.state_folder) {
            control.begin_with(saved);
        }
        Ok(control)
    }

    /// Until a signal asks to stop, or a worker ends by itself.
    pub(crate) async fn run(
        &mut self,
        endings: &mut mpsc::UnboundedReceiver<io::Result<()>>,
    ) -> io::Result<()> {
        let awaited = self.crew.awaited.clone();
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                ended = endings.recv() => {
                    return match ended {
                        Some(Err(error)) => Err(error),
                        _ => Err(io::Error::other("a worker ended unexpectedly")),
                    };
                }
                accepted = session::accept(self.listener.as_ref()) => self.meet(accepted),
                heard = session::hear(&mut self.session) => match heard {
                    Some((message, sockets)) => self.handle(message, sockets),
                    None => self.session = None,
                },
                Some((session, answer)) = self.outbox.recv() => if session == self.sessions {
                    self.tell(answer);
                },
                () = self.circuits_changed.notified() => self.tell_circuits(),
                () = awaited.changed() => self.tell_awaited(),
                () = self.signals.collected(), if self.signals_wanted() => self.tell_signals(),
                () = sleep_until(self.save_at.unwrap_or_else(Instant::now)), if self.save_at.is_some() => self.save(),
            }
        }
        self.quit(endings).await;
        Ok(())
    }

    async fn quit(&mut self, endings: &mut mpsc::UnboundedReceiver<io::Result<()>>) {
        // Hang up first: the node starts the next proxy while this one finishes.
        if self.save_at.is_some() {
            self.save();
        }
        self.lock = None;
        self.listener = None;
        self.session = None;
        self.sockets.clear();
        self.crew.order_all(|| Order::Quit);
        while endings.recv().await.is_some() {}
        self.crew.log.finish();
    }

    /// A node connected. The newest is the one that counts: an older one can only be dying.
    fn meet(&mut self, accepted: io::Result<tokio::net::UnixStream>) {
        let Ok(stream) = accepted else { return };
        self.session = Some(Session::new(stream));
        self.sessions += 1;
        self.signals.reports.meet();
        self.tell(ToNode::Hello {
            pid: std::process::id(),
            proxy: self.signals.reports.proxy(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            snapshot: self.compiled.snapshot.clone(),
            tables: self
                .tables
                .values()
                .map(|table| table.as_ref().clone())
                .collect(),
            sockets: self.sockets.keys().copied().collect(),
        });
        self.tell_circuits();
    }

    fn tell_circuits(&mut self) {
        let circuits = self.compiled.circuits();
        self.tell(ToNode::Circuits(circuits));
    }

    /// A node that is away is told again: requests that wait say so once more.
    fn tell_awaited(&mut self) {
        let services = self.crew.awaited.take();
        self.tell(ToNode::Awaited(services.into_iter().collect()));
    }

    fn signals_wanted(&self) -> bool {
        !self.compiled.snapshot.signals.is_empty()
    }

    /// A node that is gone or slow is told later, and of more.
    fn tell_signals(&mut self) {
        if let Some(session) = self.session.as_ref().filter(|session| session.has_room()) {
            while let Some(report) = self.signals.next() {
                session.tell(ToNode::Signals(report), Vec::new());
            }
        }
    }

    fn handle(&mut self, message: ToProxy, received: Vec<OwnedFd>) {
        match message {
            ToProxy::Snapshot { snapshot, sockets } => {
                let version = snapshot.version;
                let sockets = sockets.into_iter().zip(received).collect();
                if let Err(reason) = self.take_snapshot(snapshot, sockets) {
                    self.tell(ToNode::Refused { version, reason });
                }
            }
            ToProxy::Endpoints(table) => self.take_table(table),
            ToProxy::AwaitDrained { replica, run } => {
                let ack = self.ack(ToNode::Drained {
                    replica: replica.clone(),
                    run,
                });
                self.crew
                    .order_all(|| Order::AwaitDrained(replica.clone(), run, ack.clone()));
            }
            ToProxy::Status => self.collect_status(),
            ToProxy::Purge(purge) => {
                let purged = self.crew.gates.cache.purge(&purge);
                self.tell(ToNode::Purged(purged));
            }
            ToProxy::Reports { heard, counted } => self.signals.reports.taken(heard, counted),
        }
    }

    fn take_snapshot(
        &mut self,
        snapshot: Snapshot,
        sockets: BTreeMap<ListenerId, OwnedFd>,
    ) -> Result<(), String> {
        let changed = &self.circuits_changed;
        let mut compiled = Compiled::new(snapshot, &self.compiled, &self.crew, changed)?;
        let snapshot = &mut compiled.snapshot;
        let now = &self.compiled.snapshot;
        let wires = match Wires::are_same(now, snapshot) {
            true => self.wires.clone(),
            false => Arc::new(Wires::new(&self.tls, snapshot)?),
        };
        let plan = plan::plan(now, &self.sockets, snapshot, sockets, bind)?;
        let accepted = self.ack(ToNode::Accepted {
            version: snapshot.version,
            bound: plan.bound,
            failed: plan.failed,
        });
        snapshot
            .listeners
            .retain(|listener| plan.sockets.contains_key(&listener.id));
        self.sockets = plan.sockets;
        let shared = Arc::new(compiled);
        self.compiled = shared.clone();
        self.wires = wires.clone();
        // Every worker knows a listener before one of them accepts on it and gives connections to the others.
        self.crew
            .order_all(|| Order::Configure(shared.clone(), wires.clone(), accepted.clone()));
        for id in plan.opened {
            if let Some(socket) = self.sockets.get(&id) {
                self.crew.order_open(id, socket.clone(), accepted.clone());
            }
        }
        // Those of services that are gone are.
        self.tell_circuits();
        self.save_soon();
        Ok(())
    }

    fn take_table(&mut self, table: EndpointTable) {
        let table = Arc::new(table);
        let ack = self.ack(ToNode::Acknowledged {
            service: table.service.clone(),
            version: table.version,
        });
        self.tables.insert(table.service.clone(), table.clone());
        if table.endpoints.is_empty() {
            self.tables.remove(&table.service);
        }
        self.crew
            .order_all(|| Order::Endpoints(table.clone(), ack.clone()));
        self.save_soon();
    }

    /// The last good state. A listener whose address is taken is left for the node, which holds its socket.
    fn begin_with(&mut self, saved: Saved) {
        for table in saved.tables {
            self.take_table(table);
        }
        // It was accepted once; should it not be now, the node will say what it wants.
        let _ = self.take_snapshot(saved.snapshot, BTreeMap::new());
    }

    fn collect_status(&self) {
        let reports = self.crew.ask_status();
        let (answers, session) = (self.answers.clone(), self.sessions);
        let circuits = self.compiled.circuits();
        let (snapshot, crew) = (self.compiled.snapshot.version, self.crew.clone());
        tokio::spawn(async move {
            let status = Status {
                circuits,
                cache: crew.gates.cache.status(),
                limited_forgotten: crew.gates.limited_forgotten(),
                ..crate::worker::merge_status(snapshot, reports).await
            };
            let _ = answers.send((session, ToNode::Status(status)));
        });
    }

    /// Becomes `message` when the last worker lets go of it.
    fn ack(&self, message: ToNode) -> Arc<Ack> {
        Arc::new(Ack::new(self.sessions, message, self.answers.clone()))
    }

    fn tell(&mut self, message: ToNode) {
        let Some(session) = &self.session else { return };
        let ids: &[ListenerId] = match &message {
            ToNode::Hello { sockets, .. } => sockets,
            ToNode::Accepted { bound, .. } => bound,
            _ => &[],
        };
        let sockets = ids
            .iter()
            .filter_map(|id| self.sockets.get(id).cloned())
            .collect();
        session.tell(message, sockets);
    }

    fn save_soon(&mut self) {
        let soon = Instant::now() + SAVE_AFTER;
        let next = self.saved_at.map_or(soon, |saved| saved + SAVE_EVERY);
        self.save_at.get_or_insert(next.max(soon));
    }

    fn save(&mut self) {
        self.save_at = None;
        self.saved_at = Some(Instant::now());
        let tables = self
            .tables
            .values()
            .map(|table| table.as_ref().clone())
            .collect();
        // A full disk must not stop traffic; the node tells the next proxy everything anyway.
        let _ = Saved::new(self.compiled.snapshot.clone(), tables).write(&self.state_folder);
    }
}
