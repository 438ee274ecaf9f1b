use std::sync::Arc;
use std::time::Duration;

use ondol_model::Signals;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::signals::{Gathered, Reports};
use crate::worker::Crew;

/// How often workers are asked what they have noted.
const EVERY: Duration = Duration::from_secs(1);
/// The same while one of them has many records.
const SOON: Duration = Duration::from_millis(250);

/// Collects what all workers have noted, for the reports.
pub(super) struct Collector {
    crew: Arc<Crew>,
    pub(super) reports: Reports,
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
            reports: Reports::new(crew.clock.unix_ns()),
            crew,
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
        self.reports.add(all, self.crew.log.take_lost());
    }

    /// What the node is told next.
    pub(super) fn next(&mut self) -> Option<Arc<Signals>> {
        self.reports.next(self.crew.clock.unix_ns())
    }
}
