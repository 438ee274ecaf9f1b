use std::collections::BTreeMap;
use std::time::Duration;

use ondol_control::{Action, Note};
use ondol_model::{
    DeployMode, EndpointTable, Exit, Observation, Prepared, ProbeKind, ProbeResult, Project,
    ReplicaId, Run, RunId, Service, ServiceName, ServiceRef,
};

use crate::process::{Process, Told};
use crate::rng::Luck;
use crate::scenario::Temper;
use crate::world::{Thing, World};

/// What an image says of itself: databases have a check that everybody knows.
pub(crate) fn prepared(service: &Service) -> Prepared {
    Prepared {
        ready: service.image.is_some().then(|| {
            let check = ondol_model::Check::Tcp { port: Some(5432) };
            ondol_model::Probe::new(check)
        }),
        ..Prepared::default()
    }
}

impl World {
    /// Performs an action: what comes of it comes true later.
    pub(crate) fn act(&mut self, action: Action) {
        self.asks_anew |= matches!(
            action,
            Action::Prepare { .. } | Action::Hook { .. } | Action::Probe { .. }
        );
        match action {
            Action::Prepare {
                project, service, ..
            } => self.prepare(&project, service),
            Action::Start(run) => self.start(*run),
            Action::Probe {
                replica,
                run,
                kind,
                timeout,
                ..
            } => self.probe(replica, run, kind, timeout),
            Action::Hook {
                replica,
                run,
                timeout,
                ..
            } => self.hook(replica, run, timeout),
            Action::Publish(table) => self.publish(table),
            Action::AwaitDrained { replica, run } => {
                self.hear_in((0, 1500), Observation::Drained { replica, run });
            }
            Action::Signal { run, replica, .. } => self.signal(replica, run),
            Action::Kill { run, replica } => self.kill(replica, run),
            Action::Discard { replica, .. } => {
                if let Some(run) = self.folders.remove(&replica)
                    && !self.processes[&run].is_alive()
                {
                    self.processes.remove(&run);
                }
            }
            Action::Measure {
                service, replicas, ..
            } => self.measure(service, replicas),
            Action::Remember { service, memory } => {
                self.check_scaled(&service, memory.replicas);
                self.memories.insert(service, memory);
            }
            Action::DiscardProject { .. } | Action::Note(Note { .. }) => {}
        }
    }

    fn prepare(&mut self, project: &Project, name: ServiceName) {
        let (Some(service), Some(definition)) =
            (project.services.get(&name), project.definition(&name))
        else {
            return;
        };
        let service_ref = ServiceRef {
            project: project.name.clone(),
            service: name,
        };
        let luck = self.chance();
        let fails = Temper::of(service) == Temper::Unpreparable || !self.healed && luck.once_in(30);
        let word = if fails {
            Observation::PrepareFailed {
                service: service_ref,
                definition,
                why: "the package is not there".to_owned(),
            }
        } else {
            Observation::Prepared {
                service: service_ref,
                definition,
                prepared: prepared(service),
            }
        };
        self.hear_in((1, 2000), word);
    }

    fn start(&mut self, run: Run) {
        let luck = self.chance();
        let temper = Temper::of(&run.service);
        self.run_max = self.run_max.max(run.run);
        if let Some(before) = self.folders.insert(run.replica.clone(), run.run) {
            self.processes.remove(&before);
        }
        let before = self.before(&run, luck.of(6));
        let slow = !self.healed && luck.of(1).once_in(20);
        let well = before + luck.of(2).between(0, if slow { 40_000 } else { 500 });
        let process = Process {
            replica: run.replica.clone(),
            run: run.run,
            definition: run.definition,
            temper,
            initiates: run.initiates,
            begun: false,
            well_at: self.now + Duration::from_millis(well),
            hangs: false,
            flaps: false,
            asked: 0,
            exit: None,
            told: Told::default(),
            service: run.service,
        };
        let job = process.service.mode == DeployMode::Job;
        let end = if before > 0 && !self.healed && luck.of(7).once_in(8) {
            Some((0, Exit::NotStarted("its pre_start step failed".to_owned())))
        } else if temper == Temper::Crashes {
            Some((luck.of(3).between(1, 1000), Exit::Code(1)))
        } else {
            job.then(|| (luck.of(4).between(1, 4000), Exit::Code(0)))
        };
        if let Some((millis, exit)) = end {
            let at = Duration::from_millis(before + millis);
            self.after(at, Thing::Exit(run.run, exit));
        }
        let listens = !process.service.expose.is_empty() && luck.of(5).once_in(2);
        self.processes.insert(run.run, process);
        match before {
            0 => self.begin(run.run),
            _ => self.after(Duration::from_millis(before + 1), Thing::Begin(run.run)),
        }
        if listens {
            let listening = Observation::Listening {
                replica: run.replica,
                run: run.run,
                ports: vec![80],
            };
            self.hear_in((well + 51, well + 60), listening);
        }
    }

    /// How many milliseconds the steps before a process take.
    fn before(&self, run: &Run, luck: Luck) -> u64 {
        let mut steps = run.service.pre_start.iter();
        match steps.any(|step| step.per_replica || run.initiates) {
            true => luck.between(1, 3000),
            false => 0,
        }
    }

    /// What comes before a process is done: it runs, and the node of that moment is told.
    pub(crate) fn begin(&mut self, run: RunId) {
        let process = self.processes.get_mut(&run);
        let Some(process) = process.filter(|process| process.is_alive()) else {
            return;
        };
        process.begun = true;
        let service = process.replica.service.clone();
        let started = Observation::Started {
            replica: process.replica.clone(),
            run,
            pid: process.pid(),
            ip: process.ip(),
            moved_ports: BTreeMap::new(),
        };
        if process.initiates {
            self.initiated.insert((service, process.definition.clone()));
        }
        self.hear_in((1, 50), started);
    }

    fn probe(&mut self, replica: ReplicaId, run: RunId, kind: ProbeKind, timeout: Duration) {
        let now = self.now;
        let process = self.processes.get_mut(&run);
        let hangs = process.as_ref().is_some_and(|process| process.hangs);
        let ok = process.is_some_and(|process| process.answer(now));
        let result = ProbeResult {
            ok,
            saw: if ok { "200" } else { "503" }.to_owned(),
        };
        let probed = Observation::Probed {
            replica,
            run,
            kind,
            result,
        };
        let late = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.hear_in(if hangs { (late, late) } else { (1, 20) }, probed);
    }

    fn hook(&mut self, replica: ReplicaId, run: RunId, timeout: Duration) {
        let luck = self.chance();
        let process = self.processes.get(&run);
        let hangs = process.is_some_and(|process| process.hangs);
        let ok = process.is_some_and(Process::is_alive) && (self.healed || !luck.once_in(20));
        let ended = Observation::HookEnded {
            replica,
            run,
            result: ProbeResult {
                ok,
                saw: "exit 1".to_owned(),
            },
        };
        let late = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.hear_in(if hangs { (late, late) } else { (1, 100) }, ended);
    }

    fn publish(&mut self, table: EndpointTable) {
        let acknowledged = Observation::Acknowledged {
            service: table.service.clone(),
            version: table.version,
        };
        let name = table.service.service.clone();
        self.tables.insert(name.clone(), table);
        self.hear_in((0, 5), acknowledged);
        self.call_for(&name);
    }

    fn signal(&mut self, replica: ReplicaId, run: RunId) {
        let luck = self.chance();
        let Some(process) = self
            .processes
            .get(&run)
            .filter(|process| process.is_alive())
        else {
            return self.word_of_end(replica, run);
        };
        // Some do not listen to their signal, and a hung one never does.
        if process.hangs || luck.once_in(8) {
            return;
        }
        let exit = if luck.of(1).once_in(2) {
            Exit::Code(0)
        } else {
            Exit::Signal(15)
        };
        let at = Duration::from_millis(luck.of(2).between(1, 1000));
        self.after(at, Thing::Exit(run, exit));
    }

    fn kill(&mut self, replica: ReplicaId, run: RunId) {
        let alive = self.processes.get(&run).is_some_and(Process::is_alive);
        if !alive {
            return self.word_of_end(replica, run);
        }
        let at = Duration::from_millis(self.chance().between(1, 50));
        self.after(at, Thing::Exit(run, Exit::Signal(9)));
    }

    /// The process has ended already; the runtime says so again.
    fn word_of_end(&mut self, replica: ReplicaId, run: RunId) {
        let ended = self
            .processes
            .get(&run)
            .and_then(|process| process.exit.clone());
        let exit = ended.unwrap_or(Exit::Lost);
        self.hear_in((1, 20), Observation::Exited { replica, run, exit });
    }

    /// A process ends.
    pub(crate) fn exit(&mut self, run: RunId, exit: Exit) {
        let Some(process) = self
            .processes
            .get_mut(&run)
            .filter(|process| process.is_alive())
        else {
            return;
        };
        // The shim says of what ends in the steps before its process that it was not started.
        let in_its_steps = !process.begun && !process.service.pre_start.is_empty();
        let exit = match exit {
            Exit::Lost => Exit::Lost,
            other if in_its_steps => Exit::NotStarted(other.to_string()),
            other => other,
        };
        process.exit = Some(exit.clone());
        let replica = process.replica.clone();
        self.tell(|| format!("{replica} ends: {exit}"));
        if self.folders.contains_key(&replica) {
            self.hear_in((1, 10), Observation::Exited { replica, run, exit });
        } else {
            self.processes.remove(&run);
        }
    }
}
