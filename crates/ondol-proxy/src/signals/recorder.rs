use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Access, Kept, Load, Origin, ProjectName, Red, RedKey, SignalRules, Time};

use super::line::LineBuffer;
use super::{Trail, record};
use crate::policy::grpc;
use crate::policy::sample::Sampler;
use crate::worker::Crew;

/// Combinations of origin and endpoint that a worker counts apart.
const ROWS_MAX: usize = 1024;
/// Records of one worker that wait to be collected.
const RECORDS_MAX: usize = 512;
/// So many are collected at once.
const RECORDS_MANY: usize = RECORDS_MAX / 2;

/// What one worker has noted and nobody has collected yet.
pub(crate) struct Recorder {
    crew: Arc<Crew>,
    wanted: Cell<bool>,
    projects: RefCell<BTreeMap<ProjectName, Project>>,
    rows: RefCell<BTreeMap<RedKey, Red>>,
    records: RefCell<Vec<Access>>,
    records_dropped: Cell<u64>,
    rows_dropped: Cell<u64>,
}

/// The rules of one project, and what follows from them here.
struct Project {
    rules: SignalRules,
    sampler: Sampler,
    log: Option<LineBuffer>,
}

/// What was collected from a worker, or from all of them.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub red: BTreeMap<RedKey, Red>,
    pub records: Vec<Access>,
    pub loads: Vec<Load>,
    pub records_dropped: u64,
    pub rows_dropped: u64,
}

impl Recorder {
    pub(crate) fn new(crew: Arc<Crew>) -> Self {
        Recorder {
            crew,
            wanted: Cell::default(),
            projects: RefCell::default(),
            rows: RefCell::default(),
            records: RefCell::default(),
            records_dropped: Cell::default(),
            rows_dropped: Cell::default(),
        }
    }

    /// Follows these rules from now on. Without any, nobody wants to know anything.
    pub(crate) fn configure(&self, rules: &BTreeMap<ProjectName, SignalRules>) {
        self.wanted.set(!rules.is_empty());
        let mut projects = self.projects.borrow_mut();
        projects.retain(|name, project| rules.get(name) == Some(&project.rules));
        for (name, rules) in rules {
            // Each worker has its part of the budget.
            let budget = f64::from(rules.traces_per_second) / self.crew.count() as f64;
            let new = || Project {
                sampler: Sampler::new(budget),
                log: rules
                    .log
                    .as_ref()
                    .map(|log| LineBuffer::new(log, &self.crew.log)),
                rules: rules.clone(),
            };
            projects.entry(name.clone()).or_insert_with(new);
        }
    }

    /// Whether anybody wants to know.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.get()
    }

    /// Whether a trace that begins with a request of this project is recorded.
    pub(crate) fn begins_trace(&self, project: &ProjectName, random: u64) -> bool {
        let mut projects = self.projects.borrow_mut();
        let project = projects.get_mut(project);
        project.is_none_or(|project| project.sampler.decide(random))
    }

    /// Counts a request that is over.
    pub(super) fn count(&self, trail: &Trail, now: Time) {
        let mut rows = self.rows.borrow_mut();
        let key = key(trail);
        if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
            self.rows_dropped.set(self.rows_dropped.get() + 1);
            return;
        }
        let row = rows.entry(key).or_default();
        row.count(trail.status.get());
        row.errors += u64::from(is_error(trail));
        if let Some(reason) = trail.reason.get() {
            *row.reasons.entry(reason).or_default() += 1;
        }
        row.bytes_in += trail.bytes_in.get();
        row.bytes_out += trail.bytes_out.get();
        row.latency.observe(now.since(trail.began));
    }

    /// Keeps a record of a request that is over, where it is worth one, and writes its line.
    pub(super) fn keep(&self, trail: &Trail, now: Time) {
        let duration = now.since(trail.began);
        let way = trail.way.borrow();
        let mut projects = self.projects.borrow_mut();
        let project = way.as_ref();
        let project = project.and_then(|(cluster, _)| projects.get_mut(&cluster.service().project));
        let slow = match &project {
            Some(project) => project.rules.slow,
            None => SLOW,
        };
        if let Some(log) = project.and_then(|project| project.log.as_mut()) {
            log.write(trail, duration);
        }
        let Some(kept) = kept(trail, duration, slow) else {
            return;
        };
        let mut records = self.records.borrow_mut();
        if records.len() >= RECORDS_MAX {
            self.records_dropped.set(self.records_dropped.get() + 1);
            return;
        }
        records.push(record::of(trail, kept, duration));
        if records.len() == RECORDS_MANY {
            self.crew.records.notify_one();
        }
    }

    /// A second is over, or about that.
    pub(crate) fn tick(&self, span: Duration) {
        for project in self.projects.borrow_mut().values_mut() {
            project.sampler.tick(span);
            if let Some(log) = &mut project.log {
                log.flush();
            }
        }
    }

    /// All that was noted; it begins anew.
    pub(crate) fn collect(&self) -> Gathered {
        Gathered {
            red: self.rows.take(),
            records: self.records.take(),
            loads: Vec::new(),
            records_dropped: self.records_dropped.take(),
            rows_dropped: self.rows_dropped.take(),
        }
    }
}

/// Where no project says what is slow.
const SLOW: Duration = Duration::from_secs(1);

fn key(trail: &Trail) -> RedKey {
    let endpoint = trail.endpoint.borrow();
    let endpoint = endpoint.as_ref();
    let way = trail.way.borrow();
    let (service, origin) = match &*way {
        Some((cluster, origin)) => (Some(cluster.service().clone()), origin.clone()),
        None => (None, Origin::Edge),
    };
    RedKey {
        run: endpoint.map(|endpoint| endpoint.run()),
        replica: endpoint.map(|endpoint| endpoint.replica()),
        service,
        origin,
        failed: is_error(trail),
    }
}

fn is_error(trail: &Trail) -> bool {
    let call = trail.grpc_status.get().map(grpc::http_status);
    call.unwrap_or_default().max(trail.status.get()) >= 500 || trail.broke.get()
}

fn kept(trail: &Trail, duration: Duration, slow: Duration) -> Option<Kept> {
    // A connection that has switched is meant to last.
    let is_slow = duration >= slow && trail.status.get() != 101;
    let is_sampled = || trail.hop.get().is_some_and(|hop| hop.sampled) && !trail.is_health_check();
    match (is_error(trail), is_slow) {
        (true, _) => Some(Kept::Error),
        (false, true) => Some(Kept::Slow),
        (false, false) => is_sampled().then_some(Kept::Sampled),
    }
}

impl Gathered {
    /// Rows of all workers, and of all the time that nobody takes them.
    pub(super) const ROWS_MAX: usize = 4 * ROWS_MAX;
    /// Records that wait for somebody to take them.
    pub(super) const RECORDS_MAX: usize = 8 * RECORDS_MAX;

    /// Whether nothing happened, and nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        let dropped = self.records_dropped + self.rows_dropped;
        self.red.is_empty() && self.records.is_empty() && self.loads.is_empty() && dropped == 0
    }

    /// Adds what was collected from another worker, or later. What does not fit is counted.
    pub(crate) fn add(&mut self, other: Gathered) {
        for (key, row) in other.red {
            if self.red.len() >= Self::ROWS_MAX && !self.red.contains_key(&key) {
                self.rows_dropped += row.requests();
                continue;
            }
            self.red.entry(key).or_default().add(&row);
        }
        let room = Self::RECORDS_MAX.saturating_sub(self.records.len());
        let dropped = other.records.len().saturating_sub(room) as u64;
        self.records.extend(other.records.into_iter().take(room));
        self.records_dropped += other.records_dropped + dropped;
        self.rows_dropped += other.rows_dropped;
        for load in other.loads {
            match self.loads.iter_mut().find(|sum| sum.run == load.run) {
                Some(sum) => sum.in_flight += load.in_flight,
                None => self.loads.push(load),
            }
        }
    }
}
