use std::sync::Arc;
use std::time::Duration;

use ondol_model::Signals;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::signals::Gathered;
use crate::worker::Crew;

/// How often workers are asked what they have noted.
const EVERY: Duration = Duration::from_secs(1);
/// The same while one of them has many records.
const SOON: Duration = Duration::from_millis(250);

/// Collects what all workers have noted, and keeps it until somebody takes it.
pub(super) struct Collector {
    crew: Arc<Crew>,
    kept: Gathered,
    from_unix_ns: u64,
    asked_at: Instant,
    ask_at: Instant,
    /// The workers were asked and have not answered.
    waits: bool,
    answers: mpsc::UnboundedSender<Vec<Gathered>>,
    answered: mpsc::UnboundedReceiver<Vec<Gathered>>,
}

impl Collector {
    pub(super) fn new(crew: Arc<Crew>) -> Self {
        let (answers, answered) = mpsc::unbounded_channel();
        let now = Instant::now();
        Collector {
            from_unix_ns: crew.clock.unix_ns(),
            crew,
            kept: Gathered::default(),
            asked_at: now,
            ask_at: now + EVERY,
            waits: false,
            answers,
            answered,
        }
    }

    /// Waits until the workers have handed over what they have. Safe to drop and call again.
    pub(super) async fn collected(&mut self) {
        loop {
            tokio::select! {
                Some(all) = self.answered.recv() => return self.keep(all),
                () = sleep_until(self.ask_at), if !self.waits => self.ask(),
                () = self.crew.records.notified() => self.ask_at = self.ask_at.min(self.asked_at + SOON),
            }
        }
    }

    fn ask(&mut self) {
        self.waits = true;
        self.asked_at = Instant::now();
        self.ask_at = self.asked_at + EVERY;
        let (asked, answers) = (self.crew.collect(), self.answers.clone());
        tokio::spawn(async move {
            let mut all = Vec::with_capacity(asked.len());
            for worker in asked {
                // A worker that quits meanwhile has nothing to say.
                all.push(worker.await.unwrap_or_default());
            }
            // The control thread is gone only when the process ends.
            let _ = answers.send(all);
        });
    }

    fn keep(&mut self, all: Vec<Gathered>) {
        self.waits = false;
        // What is on its way now takes the place of what was.
        self.kept.loads.clear();
        for gathered in all {
            self.kept.add(gathered);
        }
    }

    /// All that was kept; `None` when nothing happened.
    pub(super) fn report(&mut self) -> Option<Signals> {
        let to_unix_ns = self.crew.clock.unix_ns();
        let from_unix_ns = std::mem::replace(&mut self.from_unix_ns, to_unix_ns);
        let lines_dropped = self.crew.log.take_lost();
        let kept = std::mem::take(&mut self.kept);
        let silent = kept.is_empty() && lines_dropped == 0;
        (!silent).then(|| Signals {
            from_unix_ns,
            to_unix_ns,
            red: kept.red.into_iter().collect(),
            loads: kept.loads,
            records: kept.records,
            records_dropped: kept.records_dropped,
            rows_dropped: kept.rows_dropped,
            lines_dropped,
        })
    }
}
