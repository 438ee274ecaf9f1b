//! What the node brings: offered, never waited for. What comes faster than it can be kept is dropped and counted.

use std::sync::atomic::{AtomicU64, Ordering};

use ondol_model::Signals;
use ondol_telemetry::{Engine, Event, Format, Pushed, ScrapeError, StoreError, Target};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::proxy;
use crate::shared::Shared;
use crate::upkeep::Complaint;

/// Batches that may wait.
pub(crate) const BATCHES_MAX: usize = 256;
/// Batches that are taken in together.
const AT_ONCE: usize = 64;

/// An event of the node's own: a log line, a request that the proxy carried, a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedEvent {
    /// Labels of its stream; a few of them, sorted by name.
    pub stream: Vec<(String, String)>,
    /// Its moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// Everything else; a name comes once.
    pub fields: Vec<(String, String)>,
}

/// What was offered and not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Samples.
    pub samples: u64,
    /// Log lines and spans.
    pub events: u64,
}

/// Counts of what was dropped.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    samples: AtomicU64,
    events: AtomicU64,
    refused_samples: AtomicU64,
    refused_events: AtomicU64,
}

impl Drops {
    pub(crate) fn now(&self) -> Dropped {
        Dropped {
            samples: self.samples.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
        }
    }

    /// What came by HTTP and was refused: its sender was told.
    pub(crate) fn refused(&self) -> Dropped {
        Dropped {
            samples: self.refused_samples.load(Ordering::Relaxed),
            events: self.refused_events.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn refuse_samples(&self, count: u64) {
        self.refused_samples.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn refuse_events(&self, count: u64) {
        self.refused_events.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, batch: &Batch) {
        let (samples, events) = match batch {
            Batch::Samples(samples) => (samples.len(), 0),
            Batch::Events(events) => (0, events.len()),
            Batch::Page(_, page) => {
                let is_sample = |line: &&str| !line.starts_with('#');
                (page.lines().filter(is_sample).count(), 0)
            }
            Batch::Gone(_) => (0, 0),
            Batch::Signals(signals) => (signals.red.len(), signals.records.len()),
        };
        self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }
}

/// What is brought at once.
#[derive(Debug)]
pub(crate) enum Batch {
    Samples(Vec<Pushed>),
    Events(Vec<OwnedEvent>),
    Signals(Box<Signals>),
    /// What is read of a target without asking it: a page in the text format.
    Page(Target, String),
    /// The target of this key is none any more.
    Gone(String),
}

/// Takes in what comes. Told to leave, it takes what waits and no more.
pub(crate) async fn run(
    mut inbox: mpsc::Receiver<Batch>,
    shared: Shared,
    said: mpsc::UnboundedSender<String>,
    mut leave: watch::Receiver<bool>,
) {
    let mut batches = Vec::new();
    let mut complaint = Complaint::of("telemetry of this node");
    loop {
        tokio::select! {
            biased;
            _ = leave.wait_for(|leave| *leave), if !inbox.is_closed() => inbox.close(),
            count = inbox.recv_many(&mut batches, AT_ONCE) => if count == 0 {
                return;
            },
        }
        let taken = std::mem::take(&mut batches);
        let shared = shared.clone();
        // A store may be busy with a segment: nobody else of this thread waits for that.
        let done = tokio::task::spawn_blocking(move || keep_all(&taken, &shared));
        // It ends early only when the runtime does.
        if let Some(line) = done.await.ok().and_then(|kept| complaint.about(kept)) {
            let _ = said.send(line);
        }
    }
}

/// Keeps what can be kept, and counts the rest; says why the last of it could not.
fn keep_all(batches: &[Batch], shared: &Shared) -> Result<(), StoreError> {
    let mut kept = Ok(());
    for batch in batches {
        if let Err(error) = keep(batch, shared) {
            shared.drops.add(batch);
            kept = Err(error);
        }
    }
    kept
}

fn keep(batch: &Batch, shared: &Shared) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    match batch {
        Batch::Samples(samples) => shared
            .stores
            .samples
            .write()
            .push(samples, now_ms)
            .map(drop),
        Batch::Events(owned) => push_events(owned, shared, now_ms),
        Batch::Signals(signals) => proxy::take(signals, shared, now_ms),
        Batch::Page(target, page) => {
            let mut samples = shared.stores.samples.write();
            match samples.scrape(target, page.as_bytes(), Format::Text, 0, now_ms) {
                Err(ScrapeError::Store(error)) => Err(error),
                // The page is the node's own: it is well made.
                Ok(_) | Err(ScrapeError::Page(_)) => Ok(()),
            }
        }
        Batch::Gone(key) => shared.stores.samples.write().forget(key, now_ms),
    }
}

/// Takes in events that own their texts.
pub(crate) fn push_events(
    owned: &[OwnedEvent],
    shared: &Shared,
    now_ms: i64,
) -> Result<(), StoreError> {
    push_marked(owned, &[], shared, now_ms)
}

/// The same, together with marks: how far their source was read.
pub(crate) fn push_marked(
    owned: &[OwnedEvent],
    marks: &[(&str, &str)],
    shared: &Shared,
    now_ms: i64,
) -> Result<(), StoreError> {
    let pairs: Vec<_> = owned
        .iter()
        .map(|event| (borrowed(&event.stream), borrowed(&event.fields)))
        .collect();
    let events: Vec<Event<'_>> = (owned.iter().zip(&pairs))
        .map(|(event, (stream, fields))| Event {
            stream,
            at_ns: event.at_ns,
            fields,
        })
        .collect();
    let mut store = shared.stores.events.write();
    store.push_marked(&events, marks, now_ms)?;
    // Before anybody else has the store: who begins to follow sees each line there or here.
    shared.live.publish(owned);
    shared.late.see(owned);
    let is_full = store.is_full();
    drop(store);
    if is_full {
        shared.work_is_due.notify_one();
    }
    Ok(())
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
