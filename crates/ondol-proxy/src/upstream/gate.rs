//! How many requests may be at a service at once, over all workers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ondol_model::{Concurrency, Shed as Rule, Time};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::Refusal;
use crate::policy::shed::{SAMPLES_MIN, Shed};

/// How often the limit is thought about.
const ROUND: Duration = Duration::from_millis(100);

/// A bulkhead: a number of places, a short queue before them, and no other way in.
pub(crate) struct Gate {
    concurrency: Option<Concurrency>,
    shed: Option<Shedding>,
    limit: AtomicU32,
    inside: AtomicU32,
    waiting: AtomicU32,
    freed: Notify,
}

/// The limit that is found by itself.
struct Shedding {
    rule: Rule,
    machine: Mutex<Shed>,
    samples: AtomicU32,
    nanos: AtomicU64,
    inside_max: AtomicU32,
    /// Before this moment nothing is thought about.
    next: AtomicU64,
}

/// A request inside; its place is free again when it is dropped.
pub(crate) struct Place(Arc<Gate>);

impl Gate {
    pub(crate) fn new(concurrency: Option<Concurrency>, shed: Option<Rule>) -> Self {
        let fixed = concurrency.as_ref().map_or(u32::MAX, |rule| rule.max);
        let shed = shed.map(|rule| Shedding {
            machine: Mutex::new(Shed::new(&rule)),
            rule,
            samples: AtomicU32::new(0),
            nanos: AtomicU64::new(0),
            inside_max: AtomicU32::new(0),
            next: AtomicU64::new(0),
        });
        let found = shed
            .as_ref()
            .and_then(|shed| shed.machine.lock().ok().map(|shed| shed.limit()));
        Gate {
            limit: AtomicU32::new(found.unwrap_or(u32::MAX).min(fixed)),
            concurrency,
            shed,
            inside: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            freed: Notify::new(),
        }
    }

    /// Whether it was made from these rules.
    pub(crate) fn is_of(&self, concurrency: &Option<Concurrency>, shed: &Option<Rule>) -> bool {
        self.concurrency == *concurrency
            && self.shed.as_ref().map(|shed| &shed.rule) == shed.as_ref()
    }

    /// Requests inside and how many may be.
    pub(crate) fn load(&self) -> (u32, u32) {
        (
            self.inside.load(Ordering::Relaxed),
            self.limit.load(Ordering::Relaxed),
        )
    }

    /// Requests that wait for a place.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) async fn enter(self: &Arc<Self>) -> Result<Place, Refusal> {
        if let Some(place) = self.try_enter() {
            return Ok(place);
        }
        Box::pin(self.queue()).await
    }

    async fn queue(self: &Arc<Self>) -> Result<Place, Refusal> {
        let Some(rule) = self.concurrency.as_ref().filter(|rule| rule.queue > 0) else {
            return Err(self.refusal());
        };
        let _waiting = Waiting::join(&self.waiting, rule.queue).ok_or(Refusal::ConcurrencyFull)?;
        let deadline = Instant::now() + rule.wait;
        loop {
            let freed = self.freed.notified();
            if let Some(place) = self.try_enter() {
                return Ok(place);
            }
            if timeout_at(deadline, freed).await.is_err() {
                return self.try_enter().ok_or(Refusal::ConcurrencyFull);
            }
        }
    }

    fn refusal(&self) -> Refusal {
        let fixed = self
            .concurrency
            .as_ref()
            .is_some_and(|rule| rule.max <= self.load().1);
        match fixed {
            true => Refusal::ConcurrencyFull,
            false => Refusal::Overloaded,
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let limit = self.limit.load(Ordering::Relaxed);
        let one_more = |inside: u32| (inside < limit).then(|| inside + 1);
        let before = self
            .inside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        if let Some(shed) = &self.shed {
            shed.inside_max.fetch_max(before + 1, Ordering::Relaxed);
        }
        Some(Place(self.clone()))
    }
}

impl Place {
    /// The head of the answer came after `span`: what the limit is found from.
    pub(crate) fn answered(&self, span: Duration, now: Time) {
        let Some(shed) = &self.0.shed else { return };
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        shed.nanos.fetch_add(nanos, Ordering::Relaxed);
        let samples = shed.samples.fetch_add(1, Ordering::Relaxed) + 1;
        if samples < SAMPLES_MIN || now.as_nanos() < shed.next.load(Ordering::Relaxed) {
            return;
        }
        // Somebody else thinks already.
        let Ok(mut machine) = shed.machine.try_lock() else {
            return;
        };
        shed.next.store((now + ROUND).as_nanos(), Ordering::Relaxed);
        let samples = shed.samples.swap(0, Ordering::Relaxed);
        let mean =
            Duration::from_nanos(shed.nanos.swap(0, Ordering::Relaxed) / u64::from(samples.max(1)));
        let inside_max = shed.inside_max.swap(0, Ordering::Relaxed);
        machine.observe(mean, inside_max, &shed.rule);
        let fixed = self
            .0
            .concurrency
            .as_ref()
            .map_or(u32::MAX, |rule| rule.max);
        self.0
            .limit
            .store(machine.limit().min(fixed), Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_one();
    }
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicU32, max: u32) -> Option<Self> {
        let one_more = |count: u32| (count < max).then(|| count + 1);
        waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Waiting(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_enter_so_many_wait_and_the_rest_is_refused_at_once() {
        let rule = Concurrency {
            max: 2,
            queue: 1,
            wait: Duration::from_secs(1),
        };
        let gate = Arc::new(Gate::new(Some(rule), None));
        let first = gate.enter().await.unwrap();
        let _second = gate.enter().await.unwrap();
        let leave = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(gate.enter().await.err(), Some(Refusal::ConcurrencyFull));
            drop(first);
        };
        let (third, ()) = tokio::join!(gate.enter(), leave);
        assert!(third.is_ok());
        let began = Instant::now();
        assert_eq!(gate.enter().await.err(), Some(Refusal::ConcurrencyFull));
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        drop(third);
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_service_that_becomes_slow_is_given_less() {
        let rule = Rule {
            latency: Some(Duration::from_millis(20)),
            min: 1,
            max: 100,
        };
        let gate = Arc::new(Gate::new(None, Some(rule)));
        let before = gate.load().1;
        for round in 0..50 {
            for _ in 0..SAMPLES_MIN {
                let place = gate.enter().await.unwrap();
                place.answered(Duration::from_millis(50), Time::from_secs(round));
            }
        }
        assert_eq!((before, gate.load()), (1, (0, 1)));
        let _inside = gate.enter().await.unwrap();
        assert_eq!(gate.enter().await.err(), Some(Refusal::Overloaded));
    }
}
