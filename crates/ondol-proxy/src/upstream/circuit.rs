//! A breaker that all workers share.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ondol_model::{Breaker as Rule, RunId, Time};
use tokio::sync::Notify;

use crate::policy::breaker::{Admission, Breaker, Stand};
use crate::policy::window::Window;

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const HALF_OPEN: u8 = 2;

/// Counts what becomes of requests and stops them when too many fail. While it is closed, nobody waits for anybody:
/// a success is one count in the worker's own shard. The lock is taken for failures and while it is not closed, and
/// never held across an await.
pub(crate) struct Circuit {
    rule: Rule,
    window: Window,
    /// [`Stand`] without its numbers, for whoever only has to look.
    kind: AtomicU8,
    machine: Mutex<Breaker>,
    /// Told when it opens, half opens or closes.
    changed: Arc<Notify>,
}

/// A request that was let through. Dropped without a word, it is as if it had not been asked.
pub(crate) struct Pass<C: Deref<Target = Circuit>> {
    circuit: C,
    worker: usize,
    is_probe: bool,
    decided: bool,
}

impl Circuit {
    pub(crate) fn new(rule: Rule, workers: usize, changed: Arc<Notify>) -> Self {
        Circuit {
            window: Window::new(rule.window, workers),
            rule,
            kind: AtomicU8::new(CLOSED),
            machine: Mutex::new(Breaker::new()),
            changed,
        }
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// `None` when nothing may be asked now.
    pub(crate) fn enter(&self, worker: usize, now: Time) -> Option<Pass<&Circuit>> {
        let admission = match self.is_closed() {
            true => Admission::Ordinary,
            false => {
                let mut machine = self.lock();
                let admission = machine.admit(&self.rule, now);
                self.publish(&machine);
                admission
            }
        };
        (admission != Admission::Refused).then_some(Pass {
            circuit: self,
            worker,
            is_probe: admission == Admission::Probe,
            decided: false,
        })
    }

    /// Whether a request would be let through; nothing changes by asking.
    pub(crate) fn is_open(&self, now: Time) -> bool {
        let waits = || matches!(self.stand(), Stand::Open { until, .. } if now < until);
        !self.is_closed() && waits()
    }

    pub(crate) fn stand(&self) -> Stand {
        self.lock().stand()
    }

    fn record(&self, worker: usize, is_good: bool, now: Time) {
        self.window.add(worker, is_good, now);
        if !is_good && self.is_closed() {
            let mut machine = self.lock();
            let tally = self.window.sum(machine.counts_since(), now);
            machine.judge(tally, &self.rule, now);
            self.publish(&machine);
        }
    }

    fn publish(&self, machine: &Breaker) {
        let kind = match machine.stand() {
            Stand::Closed => CLOSED,
            Stand::Open { .. } => OPEN,
            Stand::HalfOpen { .. } => HALF_OPEN,
        };
        if self.kind.swap(kind, Ordering::Relaxed) != kind {
            self.changed.notify_one();
        }
    }

    fn is_closed(&self) -> bool {
        self.kind.load(Ordering::Relaxed) == CLOSED
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // A breaker is whole after every step: nothing in them can panic half-way.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<&Circuit> {
    /// The same for one who hears of its end later.
    pub(crate) fn keep(mut self, circuit: &Arc<Circuit>) -> Pass<Arc<Circuit>> {
        self.decided = true;
        Pass {
            circuit: circuit.clone(),
            worker: self.worker,
            is_probe: self.is_probe,
            decided: false,
        }
    }
}

impl<C: Deref<Target = Circuit>> Pass<C> {
    pub(crate) fn ended(mut self, is_good: bool, now: Time) {
        self.decided = true;
        match self.is_probe {
            false => self.circuit.record(self.worker, is_good, now),
            true => {
                let mut machine = self.circuit.lock();
                machine.probed(is_good, &self.circuit.rule, now);
                self.circuit.publish(&machine);
            }
        }
    }
}

impl<C: Deref<Target = Circuit>> Drop for Pass<C> {
    fn drop(&mut self) {
        if self.is_probe && !self.decided {
            self.circuit.lock().abandoned();
        }
    }
}

/// The circuits of a service's endpoints, by start of a replica.
pub(crate) struct Circuits {
    rule: Rule,
    workers: usize,
    changed: Arc<Notify>,
    all: Mutex<BTreeMap<RunId, Arc<Circuit>>>,
}

impl Circuits {
    pub(crate) fn new(rule: Rule, workers: usize, changed: Arc<Notify>) -> Self {
        Circuits {
            rule,
            workers,
            changed,
            all: Mutex::default(),
        }
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The circuit of an endpoint, the same for every worker that asks.
    pub(crate) fn of(&self, run: RunId) -> Arc<Circuit> {
        let new = || {
            Arc::new(Circuit::new(
                self.rule.clone(),
                self.workers,
                self.changed.clone(),
            ))
        };
        self.lock().entry(run).or_insert_with(new).clone()
    }

    /// Forgets those that no worker knows any more.
    pub(crate) fn forget_unused(&self) {
        self.lock()
            .retain(|_, circuit| Arc::strong_count(circuit) > 1);
    }

    pub(crate) fn stands(&self) -> Vec<(RunId, Stand)> {
        let all = self.lock();
        all.iter()
            .map(|(run, circuit)| (*run, circuit.stand()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<Circuit>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ondol_model::Trip;

    use super::*;

    const START: Time = Time::from_secs(10);

    #[test]
    fn failures_of_all_workers_count_together_and_changes_are_told() {
        let rule = Rule {
            trip: Trip::Percent(50),
            window: Duration::from_secs(10),
            minimum: 4,
            pause: Duration::from_secs(1),
            probes: 1,
        };
        let changed = Arc::new(Notify::new());
        let circuit = Circuit::new(rule, 2, changed.clone());
        for (worker, is_good) in [(0, true), (1, true), (0, false), (1, false)] {
            assert!(!circuit.is_open(START));
            circuit.enter(worker, START).unwrap().ended(is_good, START);
        }
        assert!(circuit.is_open(START) && circuit.enter(0, START).is_none());
        let told = || {
            let mut told = std::pin::pin!(changed.notified());
            told.as_mut().enable()
        };
        assert!(told() && !told());

        let later = START + Duration::from_secs(1);
        drop(circuit.enter(0, later).unwrap());
        assert!(told(), "it is half open");
        let probe = circuit.enter(1, later).unwrap();
        assert!(circuit.enter(0, later).is_none());
        probe.ended(true, later);
        assert!(circuit.enter(0, later).is_some_and(|pass| !pass.is_probe));
        assert!(told());
    }
}
