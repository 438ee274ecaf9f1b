use std::time::Duration;

use ondol_control::Action;
use ondol_model::{
    DeployMode, EndpointTable, FailureAction, Healthcheck, Observation, ProbeKind, Rollout, Run,
    RunId, Service, ServiceName, UpdateOrder,
};

use crate::process::Process;
use crate::scenario::Temper;
use crate::world::World;

/// A replica that is signalled without the proxy's word must have waited for it so long.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(5);
/// And so long for the requests in flight, when its whole service goes; longer otherwise.
const DRAIN_MIN: Duration = Duration::from_secs(2);

impl World {
    /// Writes down what the core knows from now on. This is a second, much simpler account than the core's own.
    pub(crate) fn told(&mut self, observation: &Observation) {
        if let Observation::Acknowledged { service, version } = observation {
            let known = self
                .acknowledged
                .entry(service.service.clone())
                .or_default();
            *known = (*known).max(*version);
            return;
        }
        let run = match observation {
            Observation::Started { run, .. }
            | Observation::Listening { run, .. }
            | Observation::Exited { run, .. }
            | Observation::Probed { run, .. }
            | Observation::HookEnded { run, .. }
            | Observation::Drained { run, .. } => *run,
            _ => return,
        };
        let felt = self.felt;
        let Some(process) = self.processes.get_mut(&run) else {
            return;
        };
        let told = &mut process.told;
        if let Observation::Probed { result, .. } = observation {
            told.doubted |= !result.ok;
        }
        match observation {
            Observation::Started { .. } => {
                told.started = true;
                told.since = felt;
            }
            Observation::HookEnded { result, .. } => told.doubted |= !result.ok,
            Observation::Listening { .. } => told.listens = true,
            Observation::Exited { .. } => told.exited = true,
            Observation::Drained { .. } => told.drained = true,
            Observation::Probed {
                kind: ProbeKind::Ready,
                result,
                ..
            } => {
                if result.ok {
                    told.passed = true;
                    told.trusted = false;
                    told.failures = 0;
                    told.successes += 1;
                } else {
                    told.successes = 0;
                    told.failures += 1;
                }
            }
            _ => {}
        }
    }

    /// Holds the core to its promises before it has its way.
    pub(crate) fn check(&mut self, action: &Action) {
        match action {
            Action::Start(run) => self.check_start(run),
            Action::Publish(table) => self.check_table(table),
            Action::Signal { run, .. } => self.check_signal(*run),
            Action::Discard { replica, .. } => {
                let last = self.folders.get(replica);
                let alive = last.and_then(|run| self.processes.get(run));
                if alive.is_some_and(|process| !process.told.exited) {
                    self.violate(|| format!("{replica} is discarded while it runs"));
                }
            }
            _ => {}
        }
    }

    fn check_start(&mut self, run: &Run) {
        if run.run <= self.run_max {
            let max = self.run_max;
            return self
                .violate(|| format!("{} of {} was used before ({max})", run.run, run.replica));
        }
        if self.wish.is_none() {
            return self.violate(|| format!("{} is started and nothing is wanted", run.replica));
        }
        let last = self.folders.get(&run.replica);
        let last = last.and_then(|last| self.processes.get(last));
        if last.is_some_and(|process| !process.told.exited) {
            return self.violate(|| format!("{} is started twice", run.replica));
        }
        // One that serves until its turn to be taken back comes is started again as what it was.
        let as_before = last.is_some_and(|process| process.definition == run.definition);
        let memory = self.memories.get(&run.replica.service_ref());
        let refused = memory.and_then(|memory| memory.refused.as_ref());
        // A restart that failed goes back to the same definition.
        let is_refused = refused.is_some_and(|refused| {
            let back_to = refused.back_to.definition(&run.replica.service);
            refused.definition == run.definition && back_to != Some(run.definition.clone())
        });
        if is_refused && !as_before && run.replica.number <= 10_000 {
            return self.violate(|| format!("{} is started as what was refused", run.replica));
        }
        self.check_steps(run);
        let resources = &run.service.resources;
        let mut cpu = u64::from(resources.cpu_reserved_milli);
        let mut memory = resources.memory_reserved.0;
        for process in self.processes.values().filter(|process| process.is_alive()) {
            cpu += u64::from(process.demand().cpu_milli);
            memory += process.demand().memory.0;
        }
        let (cpu_max, memory_max) = (u64::from(self.capacity.cpu_milli), self.capacity.memory.0);
        let asks = resources.cpu_reserved_milli > 0 && cpu > cpu_max
            || resources.memory_reserved.0 > 0 && memory > memory_max;
        if asks {
            let alive = self.processes.values().filter(|process| process.is_alive());
            let alive: Vec<_> = alive.map(|process| process.replica.to_string()).collect();
            let beside = alive.join(", ");
            self.violate(|| format!("{} does not fit beside {beside}", run.replica));
        }
    }

    /// What comes before a whole service was done before any replica starts without it, and never twice at a time.
    fn check_steps(&mut self, run: &Run) {
        let mut steps = run.service.pre_start.iter();
        if run.replica.number > 10_000 || steps.all(|step| step.per_replica) {
            return;
        }
        let service = &run.replica.service;
        let done = (service.clone(), run.definition.clone());
        if !run.initiates && !self.initiated.contains(&done) {
            return self.violate(|| format!("{} is started before its steps", run.replica));
        }
        let at_it = |process: &&Process| {
            process.replica.service == *service && process.initiates && !process.begun
        };
        let mut others = self.processes.values().filter(at_it);
        if run.initiates && others.any(|process| !process.told.exited) {
            self.violate(|| format!("{} does what another one is doing", run.replica));
        }
    }

    fn check_table(&mut self, table: &EndpointTable) {
        let name = &table.service.service;
        let before = self.tables.get(name).map_or(0, |table| table.version);
        if table.version <= before {
            let version = table.version;
            return self.violate(|| format!("version {version} of {name} after {before}"));
        }
        for endpoint in table.endpoints.iter().filter(|endpoint| endpoint.ready) {
            let process = self.processes.get(&endpoint.run);
            let words = match process {
                None => Some("there is no such process"),
                Some(process) => self.why_not_ready(process),
            };
            if let Some(words) = words {
                let replica = &endpoint.replica;
                return self.violate(|| format!("{replica} is sent traffic: {words}"));
            }
        }
        self.mark_served(table);
        self.check_enough(table);
    }

    /// Why the core cannot think that this process is ready.
    fn why_not_ready(&self, process: &Process) -> Option<&'static str> {
        let told = &process.told;
        if !told.started {
            return Some("it has not started");
        }
        if told.exited {
            return Some("it has ended");
        }
        if process.replica.number > 10_000 {
            return Some("it is a one-off");
        }
        let wanted = self
            .wish
            .as_ref()?
            .project
            .services
            .get(&process.replica.service)?;
        let ready = ready_probe(wanted)?;
        // Its probes may have been changed meanwhile: only what is certain is held against it.
        if wanted.probes != process.service.probes
            || wanted.healthcheck != process.service.healthcheck
        {
            return None;
        }
        if !told.passed {
            return Some("no probe has succeeded");
        }
        let counts = self.felt.since(told.since) > ready.start_period + ready.interval;
        // One answer more may have come when nobody waited for it any more.
        if counts && told.failures > ready.failures_max + 1 || told.trusted && told.failures > 0 {
            return Some("its probes fail");
        }
        None
    }

    fn mark_served(&mut self, table: &EndpointTable) {
        let felt = self.felt;
        let name = &table.service.service;
        for process in self.processes.values_mut() {
            if process.replica.service != *name {
                continue;
            }
            let ready = table
                .endpoints
                .iter()
                .any(|endpoint| endpoint.ready && endpoint.run == process.run);
            let told = &mut process.told;
            if ready {
                told.served = true;
                told.withdrawn = None;
                told.drained = false;
            } else if told.served && told.withdrawn.is_none() {
                told.withdrawn = Some((felt, table.version));
            }
        }
    }

    /// While a service that was well is only updated, all but one of its replicas serve.
    fn check_enough(&mut self, table: &EndpointTable) {
        let name = &table.service.service;
        let Some(service) = self.project.services.get(name).cloned() else {
            return;
        };
        if service.autoscale.is_some() {
            return;
        }
        // A one-off may take the room that an update made.
        let one_off = |process: &Process| process.is_alive() && process.replica.number > 10_000;
        if self.processes.values().any(one_off) {
            self.calm.clear();
            return;
        }
        if self.wish.is_none()
            || self.stopped.contains(name)
            || tolerates(&service.update)
            || tolerates(&service.rollback)
        {
            self.calm.remove(name);
            return;
        }
        let count = self.count(name, &service);
        let ready = table
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.ready)
            .count() as u32;
        if self.calm.contains(name) {
            let few = least(&service, count);
            if ready < few {
                self.violate(|| format!("{ready} of {count} {name} are ready during an update"));
            }
        } else if ready >= count && self.is_well(table) {
            self.calm.insert(name.clone());
        }
    }

    pub(crate) fn count(&self, name: &ServiceName, service: &Service) -> u32 {
        self.scale.get(name).copied().unwrap_or(service.replicas)
    }

    fn is_well(&self, table: &EndpointTable) -> bool {
        let name = &table.service.service;
        // What the core does not know yet is about to disturb it.
        let lives = |run| self.processes.get(run).is_some_and(Process::is_alive);
        if !table.endpoints.iter().all(|endpoint| lives(&endpoint.run)) {
            return false;
        }
        let of = |process: &&Process| process.replica.service == *name && process.is_alive();
        let service = &self.project.services[name];
        let probed = ready_probe(service).is_some();
        let sound = |process: &Process| {
            process.is_sound() && process.well_at <= self.now && !(probed && process.told.trusted)
        };
        service.mode != DeployMode::Job
            && Temper::of(service) == Temper::Good
            && self.processes.values().filter(of).all(sound)
    }

    /// The proxy knows before the process is told to end, and what was in flight had its time.
    fn check_signal(&mut self, run: RunId) {
        let Some(process) = self.processes.get(&run) else {
            return;
        };
        let told = &process.told;
        if !told.served || told.exited {
            return;
        }
        let replica = process.replica.clone();
        let Some((since, version)) = told.withdrawn else {
            return self.violate(|| format!("{replica} is told to end while it is sent traffic"));
        };
        let waited = self.felt.since(since);
        let acknowledged = self
            .acknowledged
            .get(&replica.service)
            .copied()
            .unwrap_or(0);
        if acknowledged < version && waited < ACKNOWLEDGE_MAX {
            return self.violate(|| format!("{replica} is told to end before the proxy knows"));
        }
        let probed = told.doubted || !process.is_sound();
        if !told.drained && waited < DRAIN_MIN && !probed {
            self.violate(|| format!("{replica} is told to end with requests in flight"));
        }
    }
}

/// A failure does not stop it: the file asks for it.
fn tolerates(rules: &Rollout) -> bool {
    rules.failure_action == FailureAction::Continue || rules.failure_ratio_milli_max > 0
}

/// How many must be ready at any moment of an update.
fn least(service: &Service, count: u32) -> u32 {
    let at_once = |rules: &Rollout| match rules.parallelism {
        0 => count,
        some => some,
    };
    let stop_first = service.update.order == UpdateOrder::StopFirst
        || service.rollback.order == UpdateOrder::StopFirst
        || service.image.is_some();
    let gone = if stop_first {
        at_once(&service.update).max(at_once(&service.rollback))
    } else {
        1
    };
    count.saturating_sub(gone)
}

fn ready_probe(service: &Service) -> Option<&ondol_model::Probe> {
    match (&service.probes.ready, &service.healthcheck) {
        (Some(probe), _) => Some(probe),
        (None, Healthcheck::Check(probe)) => Some(probe),
        _ => None,
    }
}
