use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ondol_control::{Command, Event};
use ondol_model::{Bytes, Exit, OneOff, ReplicaId, RunId, Service, ServiceName};

use crate::rng::Luck;
use crate::scenario::{EDITION, TEMPER, Temper, ask};
use crate::world::World;

/// Something that goes wrong, or that a person does.
#[derive(Clone, Debug)]
pub(crate) enum Incident {
    Ends(RunId, Exit),
    Hangs(RunId),
    Flaps(RunId),
    Recovers(RunId),
    ClockJumps(i64),
    NodeDies { after: u32 },
    TimePasses(Duration),
    Scale(ServiceName, u32),
    Edit(ServiceName, Temper),
    Reprobe(ServiceName, u64),
    Remove(ServiceName),
    Restart(ServiceName),
    Rebuild(ServiceName),
    Stop(ServiceName),
    Begin(ServiceName),
    Load(ServiceName, u64),
    Stale(bool),
    Kill(ReplicaId),
    RunOnce(ServiceName),
    Forget,
    Down,
    Up,
    WantAgain,
}

impl Incident {
    /// What happens in this world by this luck; mostly nothing.
    pub(crate) fn pick(world: &World, luck: Luck) -> Option<Self> {
        if !luck.once_in(12) {
            return None;
        }
        let process = || {
            let alive = world
                .processes
                .values()
                .filter(|process| process.is_alive());
            let count = alive.clone().count() as u64;
            alive.clone().nth(luck.of(2).below(count) as usize)
        };
        let service = || {
            let names = world.project.services.keys();
            let count = names.len() as u64;
            names.clone().nth(luck.of(3).below(count) as usize).cloned()
        };
        let number = luck.of(4);
        let scaled = world.project.services.values();
        let scaled = scaled.filter(|service| service.autoscale.is_some());
        let scaled: Vec<_> = scaled.map(|service| &service.name).collect();
        if !scaled.is_empty() && luck.of(5).once_in(4) {
            let name = scaled[luck.of(6).below(scaled.len() as u64) as usize];
            return Some(match number.below(6) {
                0 => Incident::Stale(true),
                1 => Incident::Stale(false),
                2 => Incident::Load(name.clone(), 0),
                _ => Incident::Load(name.clone(), number.of(1).below(60)),
            });
        }
        Some(match luck.of(1).below(40) {
            0..4 => Incident::Ends(process()?.run, Exit::Signal(9)),
            4 => Incident::Ends(process()?.run, Exit::OutOfMemory),
            5 => Incident::Ends(process()?.run, Exit::Code(0)),
            6..8 => Incident::Hangs(process()?.run),
            8..10 => Incident::Flaps(process()?.run),
            10..12 => Incident::Recovers(process()?.run),
            12 => Incident::ClockJumps(number.between(1, 600) as i64 * 1_000_000_000),
            13 => Incident::ClockJumps(-(number.between(1, 600) as i64) * 1_000_000_000),
            14..17 => Incident::NodeDies {
                after: number.below(12) as u32,
            },
            17..21 => Incident::TimePasses(Duration::from_secs(number.between(1, 60))),
            21..24 => Incident::Scale(service()?, number.below(5) as u32),
            24..28 => Incident::Edit(service()?, Temper::Good),
            28 => Incident::Edit(service()?, Temper::Crashes),
            29 => Incident::Edit(service()?, Temper::Deaf),
            30 => Incident::Edit(service()?, Temper::Unpreparable),
            31 => Incident::Reprobe(service()?, number.below(1000)),
            32 => Incident::Restart(service()?),
            33 => Incident::Rebuild(service()?),
            34 => Incident::Stop(service()?),
            35 => Incident::Begin(service()?),
            36 => Incident::Kill(process()?.replica.clone()),
            37 if number.once_in(2) => Incident::RunOnce(service()?),
            37 => Incident::Forget,
            38 if number.once_in(4) => Incident::Down,
            38 if number.of(1).once_in(3) => Incident::Remove(service()?),
            38 => Incident::Up,
            _ => Incident::WantAgain,
        })
    }
}

impl World {
    pub(crate) fn befall(&mut self, incident: Incident) {
        self.tell(|| incident.to_string());
        match incident {
            Incident::Ends(run, exit) => {
                self.disturb_process(run);
                self.exit(run, exit);
            }
            Incident::Hangs(run) => self.change(run, |process| process.hangs = true),
            Incident::Flaps(run) => self.change(run, |process| process.flaps = true),
            Incident::Recovers(run) => self.change(run, |process| {
                process.hangs = false;
                process.flaps = false;
            }),
            Incident::ClockJumps(nanos) => self.skew_nanos = self.skew_nanos.saturating_add(nanos),
            Incident::NodeDies { after } => self.fuse = Some(after),
            Incident::TimePasses(span) => self.pass(span),
            Incident::Scale(name, count) => {
                self.calm.remove(&name);
                self.scale.insert(name, count);
                self.want_if_up();
            }
            Incident::Edit(name, temper) => self.edit(&name, |service, edition| {
                service.environment = BTreeMap::from([
                    (TEMPER.to_owned(), temper.word().to_owned()),
                    (EDITION.to_owned(), edition.to_string()),
                ]);
            }),
            Incident::Reprobe(name, luck) => {
                self.calm.remove(&name);
                self.edit(&name, |service, _| ask(service, Luck::new(luck)));
            }
            Incident::Remove(name) => self.remove(&name),
            Incident::Stop(name) => {
                self.calm.remove(&name);
                self.stopped.insert(name);
                self.want_if_up();
            }
            Incident::Begin(name) => {
                self.calm.remove(&name);
                self.stopped.remove(&name);
                self.want_if_up();
            }
            Incident::Load(name, requests) => self.load(name, requests),
            Incident::Stale(stale) => self.readings_stale = stale,
            Incident::Up => self.want(),
            Incident::WantAgain => {
                // What is due anyway is not the wish's doing.
                self.send(Event::Tick);
                if let Some(wish) = self.wish.clone() {
                    self.send_again(Event::Want(wish));
                }
            }
            command => self.command(command),
        }
    }

    fn command(&mut self, incident: Incident) {
        let project = self.project.name.clone();
        let command = match incident {
            Incident::Restart(name) => Command::Restart {
                project,
                services: vec![name],
            },
            Incident::Rebuild(name) => Command::Rebuild {
                project,
                services: vec![name],
            },
            Incident::Kill(replica) => {
                self.calm.remove(&replica.service);
                Command::Kill { replica }
            }
            Incident::RunOnce(service) => {
                self.once_next += 1;
                Command::RunOnce {
                    project,
                    service,
                    number: self.once_next,
                    once: Box::new(OneOff {
                        command: vec!["once".to_owned()],
                        ..OneOff::default()
                    }),
                }
            }
            Incident::Forget => {
                let once = self.folders.keys().find(|replica| replica.number > 10_000);
                let Some(replica) = once.cloned() else { return };
                Command::Forget { replica }
            }
            Incident::Down => {
                self.calm.clear();
                self.wish = None;
                self.memories.clear();
                self.stopped.clear();
                Command::Down {
                    project,
                    volumes: false,
                }
            }
            _ => return,
        };
        self.send(Event::Asked(command));
    }

    /// Lets time pass, and what happens in it.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..200 {
            match self.next_at() {
                Some(at) if at <= until && self.violation.is_none() => self.next(),
                _ => break,
            };
        }
    }

    /// Changes a service in the file, and says so when the project is up.
    pub(crate) fn edit(&mut self, name: &ServiceName, change: impl FnOnce(&mut Service, u64)) {
        let edition = self.chance().below(u64::MAX);
        let mut project = (*self.project).clone();
        if let Some(service) = project.services.get_mut(name) {
            change(Arc::make_mut(service), edition);
            if Temper::of(service) != Temper::Good {
                self.calm.remove(name);
            }
        }
        self.project = Arc::new(project);
        self.want_if_up();
    }

    fn remove(&mut self, name: &ServiceName) {
        if self.project.services.len() < 2 {
            return;
        }
        self.calm.remove(name);
        let mut project = (*self.project).clone();
        project.services.remove(name);
        for service in project.services.values_mut() {
            Arc::make_mut(service).depends_on.remove(name);
        }
        self.project = Arc::new(project);
        self.want_if_up();
    }

    pub(crate) fn want_if_up(&mut self) {
        if self.wish.is_some() {
            self.want();
        }
    }

    fn change(&mut self, run: RunId, change: impl FnOnce(&mut crate::process::Process)) {
        self.disturb_process(run);
        if let Some(process) = self.processes.get_mut(&run) {
            change(process);
        }
    }

    fn disturb_process(&mut self, run: RunId) {
        if let Some(process) = self.processes.get(&run) {
            self.calm.remove(&process.replica.service);
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incident::Ends(run, exit) => write!(f, "! {run} ends: {exit}"),
            Incident::Hangs(run) => write!(f, "! {run} hangs"),
            Incident::Flaps(run) => write!(f, "! {run} answers every other probe"),
            Incident::Recovers(run) => write!(f, "! {run} is well again"),
            Incident::ClockJumps(nanos) => {
                write!(f, "! the node's clock jumps by {} s", nanos / 1_000_000_000)
            }
            Incident::NodeDies { after } => write!(f, "! the node will die after {after} actions"),
            Incident::TimePasses(span) => write!(f, "! {} s pass", span.as_secs()),
            Incident::Scale(name, count) => write!(f, "! scale {name}={count}"),
            Incident::Edit(name, temper) => write!(f, "! edit {name}: {}", temper.word()),
            Incident::Reprobe(name, _) => write!(f, "! edit {name}: other probes"),
            Incident::Remove(name) => write!(f, "! edit: no {name} any more"),
            Incident::Restart(name) => write!(f, "! restart {name}"),
            Incident::Rebuild(name) => write!(f, "! watched files of {name} change"),
            Incident::Stop(name) => write!(f, "! stop {name}"),
            Incident::Begin(name) => write!(f, "! start {name}"),
            Incident::Load(name, requests) => write!(f, "! {requests} requests/s for {name}"),
            Incident::Stale(true) => f.write_str("! readings are a minute old"),
            Incident::Stale(false) => f.write_str("! readings are fresh again"),
            Incident::Kill(replica) => write!(f, "! kill {replica}"),
            Incident::RunOnce(name) => write!(f, "! run {name} once"),
            Incident::Forget => f.write_str("! forget a one-off"),
            Incident::Down => f.write_str("! down"),
            Incident::Up => f.write_str("! up"),
            Incident::WantAgain => f.write_str("! the same wish again"),
        }
    }
}

/// Room for everything, so that nothing has to wait for it.
pub(crate) const PLENTY: ondol_model::Capacity = ondol_model::Capacity {
    cpu_milli: 1_000_000,
    memory: Bytes(1 << 44),
};
