//! The handle that the node holds, and the thread behind it.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use ondol_model::{Alerts, Signals};
use ondol_telemetry::{Pushed, StoreError, Target};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use crate::alerts::Desk;
use crate::forward::{self, Lane};
use crate::intake::{self, BATCHES_MAX, Batch, Dropped, OwnedEvent};
use crate::last_end::LastEnd;
use crate::scrape::{self, Scrape};
use crate::server::{self, Door, Socket};
use crate::shared::Shared;
use crate::stores::{OpenError, Settings, Stores};
use crate::{alerts, allocator, clock, figure, host, last_end, upkeep};

/// Threads for questions and for work on the disk; they go when they have nothing to do.
const THREADS_MAX: usize = 6;
const THREAD_KEPT: Duration = Duration::from_secs(5);

/// The telemetry of a node, to bring something to it. Cheap to clone; never waits.
#[derive(Clone)]
pub struct Telemetry {
    shared: Shared,
    inbox: mpsc::Sender<Batch>,
    sockets: mpsc::UnboundedSender<Socket>,
    scrapes: watch::Sender<Vec<Scrape>>,
}

/// The thread, until it is told to leave.
pub struct Running {
    leave: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Telemetry {
    /// Opens the stores and starts the service. What there is to complain about (damage that was found, a disk that
    /// is full) comes through `said`, a line each.
    ///
    /// # Errors
    ///
    /// When the stores cannot be opened.
    pub fn start(
        settings: Settings,
        said: mpsc::UnboundedSender<String>,
    ) -> Result<(Telemetry, Running), OpenError> {
        allocator::give_back();
        let say = |line: String| {
            // Nobody listens: then nobody can be told.
            let _ = said.send(line);
        };
        let (stores, last_end) = open(&settings, &say)?;
        let (alerts, complaint) = Desk::open(&settings.dir, clock::now_ms());
        complaint.into_iter().for_each(say);
        let shared = Shared::new(stores, alerts, last_end, settings, clock::now_ms());
        let (inbox, brought) = mpsc::channel(BATCHES_MAX);
        let (sockets, opened) = mpsc::unbounded_channel();
        let (leave, left) = watch::channel(false);
        let (scrapes, wanted) = watch::channel(Vec::new());
        let telemetry = Telemetry {
            shared: shared.clone(),
            inbox,
            sockets,
            scrapes,
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(THREADS_MAX)
            .thread_keep_alive(THREAD_KEPT)
            .thread_name("telemetry")
            .build()
            .map_err(OpenError::Thread)?;
        let serve = move || runtime.block_on(run(shared, brought, opened, wanted, said, left));
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(serve)
            .map_err(OpenError::Thread)?;
        Ok((telemetry, Running { leave, thread }))
    }

    /// Answers on this socket too. One that nobody can use is an error.
    pub fn listen(&self, listener: TcpListener) -> io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        self.shared.add_address(address);
        // It is refused only when the service has left already.
        let _ = self.sockets.send(Socket::Tcp(listener, Door::Machine));
        Ok(address)
    }

    /// Takes in on this socket what services say about themselves; nothing can be asked there.
    pub fn listen_for_services(&self, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let _ = self.sockets.send(Socket::Tcp(listener, Door::Services));
        Ok(())
    }

    /// Answers on this socket of the machine too; whoever can open it may do more than others: see [`crate`].
    pub fn listen_unix(&self, listener: UnixListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let _ = self.sockets.send(Socket::Unix(listener));
        Ok(())
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses()
    }

    /// Offers samples with moments of their own.
    pub fn samples(&self, samples: Vec<Pushed>) {
        self.offer(Batch::Samples(samples));
    }

    /// Offers log lines and spans.
    pub fn events(&self, events: Vec<OwnedEvent>) {
        self.offer(Batch::Events(events));
    }

    /// Up to which report of each proxy everything is counted and kept, whatever happens to this node; by when the
    /// proxy began.
    pub fn counted(&self) -> watch::Receiver<BTreeMap<u64, u64>> {
        self.shared.counted.subscribe()
    }

    /// Offers what the proxy said of requests.
    pub fn signals(&self, signals: Signals) {
        self.offer(Batch::Signals(Box::new(signals)));
    }

    /// Keeps log lines together with how far their source was read, a name and a place in words of its own: both or
    /// neither, whatever happens. An empty place takes the name away. Waits for the disk: call it from a thread of its
    /// own.
    ///
    /// # Errors
    ///
    /// When nothing can be stored now; the source has to be read again from its mark on.
    pub fn keep(&self, events: &[OwnedEvent], marks: &[(&str, &str)]) -> Result<(), StoreError> {
        intake::push_marked(events, marks, &self.shared, clock::now_ms())
    }

    /// How far each source was read that was kept with [`Telemetry::keep`].
    pub fn marks(&self) -> BTreeMap<String, String> {
        self.shared.stores.events.read().marks().clone()
    }

    /// Offers what was read of a target, as a page in the text format: a scrape that nobody has to ask for. Series that
    /// were on the page before and are not any more end.
    pub fn page(&self, target: Target, page: String) {
        self.offer(Batch::Page(target, page));
    }

    /// A target whose pages were offered is none any more: its series end.
    pub fn gone(&self, target_key: String) {
        self.offer(Batch::Gone(target_key));
    }

    /// Asks these endpoints from now on, and no others.
    pub fn scrape(&self, scrapes: Vec<Scrape>) {
        self.scrapes.send_replace(scrapes);
    }

    /// Follows what these projects say about alerts, beside the shipped rules, and tells whom they name. What cannot be
    /// taken over is said, a sentence each.
    pub fn alerts<'a>(
        &self,
        projects: impl IntoIterator<Item = (&'a str, &'a Alerts)>,
    ) -> Vec<String> {
        let mut plan = ondol_alert::plan(projects);
        let problems = std::mem::take(&mut plan.problems);
        let url = self.external_url();
        self.shared.alerts.set_plan(plan, &url, clock::now_ms());
        problems
    }

    /// Where people reach it; empty where nobody does.
    fn external_url(&self) -> String {
        if let Some(url) = &self.shared.settings.external_url {
            return url.clone();
        }
        match self.addresses().first() {
            // Everywhere is no place that can be opened.
            Some(all) if all.ip().is_unspecified() => {
                format!("http://{}:{}", host::name(), all.port())
            }
            Some(address) => format!("http://{address}"),
            None => String::new(),
        }
    }

    /// The sum of the series that a PromQL expression gives now; samples older than `age_max` are not looked at.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// Why there is no such number, for people.
    pub async fn sum(&self, promql: String, age_max: Duration) -> Result<f64, String> {
        let shared = self.shared.clone();
        let work = move || figure::sum(&shared, &promql, age_max);
        let sum = tokio::task::spawn_blocking(work).await;
        sum.unwrap_or_else(|_| Err("the query could not be evaluated".to_owned()))
    }

    /// What was offered and could not be kept, since the start.
    pub fn dropped(&self) -> Dropped {
        self.shared.drops.now()
    }

    fn offer(&self, batch: Batch) {
        use mpsc::error::TrySendError::{Closed, Full};
        if let Err(Full(batch) | Closed(batch)) = self.inbox.try_send(batch) {
            self.shared.drops.add(&batch);
        }
    }
}

impl Running {
    /// Ends the service: what was taken in lasts once this returned. Blocks until then, a second at most or two.
    pub fn leave(self) {
        // It has left already when nobody hears it.
        let _ = self.leave.send(true);
        let _ = self.thread.join();
    }
}

/// The stores, and how the run before this one ended.
fn open(
    settings: &Settings,
    say: &impl Fn(String),
) -> Result<(Stores, Option<LastEnd>), OpenError> {
    let dir = &settings.dir;
    let written_ms = last_end::written_ms(&[&dir.join("samples"), &dir.join("events")]);
    let (stores, reopened) = Stores::open(settings)?;
    reopened.damages.iter().cloned().for_each(say);
    let durability = settings.events.durability;
    let now_ms = clock::now_ms();
    let (end, marked) = LastEnd::find(dir, written_ms, durability, reopened, now_ms);
    end.iter().filter_map(LastEnd::line).for_each(say);
    if let Err(error) = marked {
        say(format!(
            "telemetry: {}: {error}; the next start will not know how this run ended",
            dir.display()
        ));
    }
    Ok((stores, end))
}

async fn run(
    shared: Shared,
    brought: mpsc::Receiver<Batch>,
    opened: mpsc::UnboundedReceiver<Socket>,
    wanted: watch::Receiver<Vec<Scrape>>,
    said: mpsc::UnboundedSender<String>,
    leave: watch::Receiver<bool>,
) {
    let intake = tokio::spawn(intake::run(
        brought,
        shared.clone(),
        said.clone(),
        leave.clone(),
    ));
    let server = tokio::spawn(server::run(opened, shared.clone(), leave.clone()));
    let scraping = tokio::spawn(scrape::run(wanted, shared.clone(), leave.clone()));
    let forwarding = Lane::ALL.map(|lane| {
        let run = forward::run(lane, shared.clone(), said.clone(), leave.clone());
        tokio::spawn(run)
    });
    let rounds = tokio::spawn(alerts::run(shared.clone(), said.clone(), leave.clone()));
    upkeep::run(shared.clone(), said.clone(), leave).await;
    let _ = tokio::join!(intake, server, scraping, rounds);
    for lane in forwarding {
        let _ = lane.await;
    }
    let work = shared.clone();
    let synced = tokio::task::spawn_blocking(move || {
        let now_ms = clock::now_ms();
        upkeep::tell_counts(&work, true, now_ms);
        let synced = work.stores.sync(now_ms);
        let all = synced.iter().all(Result::is_ok);
        // When it cannot be said, the next start takes this run for a killed one.
        let _ = all.then(|| last_end::left(&work.settings.dir, clock::now_ms()));
        synced
    });
    for error in synced.await.into_iter().flatten().filter_map(Result::err) {
        let _ = said.send(format!("telemetry: the last second may be lost: {error}"));
    }
}
