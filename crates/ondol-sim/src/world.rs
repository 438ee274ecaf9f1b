use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use ondol_control::{Action, Control, Event, Machine, Memory, Wish};
use ondol_model::{
    Bytes, Capacity, Digest, EndpointTable, Inventory, Observation, Project, ReplicaId, RunId,
    ServiceName, ServiceRef, Survivor, Time,
};

use crate::process::{Process, Told};
use crate::rng::Luck;
use crate::scenario;

/// How long a node that died is away.
const RESTART: Duration = Duration::from_millis(100);

/// A machine, a node on it that can die, and time.
pub(crate) struct World {
    pub(crate) luck: Luck,
    pub(crate) now: Time,
    /// How far the node's clock is ahead of the truth, or behind.
    pub(crate) skew_nanos: i64,
    /// What the node's clock showed last.
    pub(crate) shown: Time,
    shown_max: Time,
    /// All its steps forward together: what the core measures spans by.
    pub(crate) felt: Time,
    pub(crate) control: Control,
    /// Nodes before this one.
    pub(crate) epoch: u32,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    pub(crate) capacity: Capacity,
    pub(crate) processes: BTreeMap<RunId, Process>,
    /// Replicas that have a folder, with their last start.
    pub(crate) folders: BTreeMap<ReplicaId, RunId>,
    pub(crate) run_max: RunId,
    /// Definitions whose `pre_start` steps were done.
    pub(crate) initiated: BTreeSet<(ServiceName, Digest)>,
    /// The last table of each service, and the version the core was told is in use.
    pub(crate) tables: BTreeMap<ServiceName, EndpointTable>,
    pub(crate) acknowledged: BTreeMap<ServiceName, u64>,
    /// What the node has stored.
    pub(crate) wish: Option<Wish>,
    pub(crate) memories: BTreeMap<ServiceRef, Memory>,
    pub(crate) project: Arc<Project>,
    /// Requests per second that services get.
    pub(crate) loads: BTreeMap<ServiceName, u64>,
    /// What the node is told of the load was true a minute ago.
    pub(crate) readings_stale: bool,
    /// That is what it hears just now.
    pub(crate) hears_stale: bool,
    pub(crate) scale: BTreeMap<ServiceName, u32>,
    pub(crate) stopped: BTreeSet<ServiceName>,
    /// The node dies after performing so many more actions.
    pub(crate) fuse: Option<u32>,
    pub(crate) once_next: u32,
    /// A probe, a hook or a preparation has been asked for since this was last cleared.
    pub(crate) asks_anew: bool,
    /// Services of which nothing but updates has been the matter since all their replicas were ready.
    pub(crate) calm: BTreeSet<ServiceName>,
    /// The incidents are over.
    pub(crate) healed: bool,
    pub(crate) violation: Option<String>,
    /// What happened, when somebody listens.
    pub(crate) story: Option<Vec<String>>,
}

/// Something that comes true at a moment.
struct Due {
    at: Time,
    sequence: u64,
    thing: Thing,
}

pub(crate) enum Thing {
    /// What comes before a process is done.
    Begin(RunId),
    /// A process ends by itself or because it was told to.
    Exit(RunId, ondol_model::Exit),
    /// The node of this epoch hears this.
    Hear(u32, Box<Observation>),
}

impl World {
    pub(crate) fn new(seed: u64, listens: bool) -> Option<Self> {
        let luck = Luck::new(seed);
        let project = Arc::new(scenario::project(luck.of(1))?);
        let capacity = Capacity {
            cpu_milli: luck.of(2).between(3, 12) as u32 * 1000,
            memory: Bytes(luck.of(3).between(1, 4) << 30),
        };
        let mut world = World {
            luck,
            // Late enough for its clock to jump back.
            now: Time::from_secs(100_000),
            skew_nanos: 0,
            shown: Time::ZERO,
            shown_max: Time::ZERO,
            felt: Time::ZERO,
            control: Control::new(machine(capacity)),
            epoch: 0,
            queue: BinaryHeap::new(),
            sequence: 0,
            capacity,
            processes: BTreeMap::new(),
            folders: BTreeMap::new(),
            run_max: RunId(0),
            initiated: BTreeSet::new(),
            tables: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            wish: None,
            memories: BTreeMap::new(),
            project,
            loads: BTreeMap::new(),
            readings_stale: false,
            hears_stale: false,
            scale: BTreeMap::new(),
            stopped: BTreeSet::new(),
            fuse: None,
            once_next: 10_001,
            asks_anew: false,
            calm: BTreeSet::new(),
            healed: false,
            violation: None,
            story: listens.then(Vec::new),
        };
        world.boot();
        world.want();
        Some(world)
    }

    /// Luck that is different each time it is asked.
    pub(crate) fn chance(&mut self) -> Luck {
        self.sequence += 1;
        self.luck.of(self.sequence)
    }

    pub(crate) fn tell(&mut self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>10}  {}", self.now.to_string(), words()));
        }
    }

    pub(crate) fn after(&mut self, delay: Duration, thing: Thing) {
        self.sequence += 1;
        self.queue.push(Reverse(Due {
            at: self.now + delay,
            sequence: self.sequence,
            thing,
        }));
    }

    /// The node of this epoch hears `observation` after a delay. Now and then a word is lost, and the runtime says it
    /// again later.
    pub(crate) fn hear_in(&mut self, millis: (u64, u64), observation: Observation) {
        let luck = self.chance();
        let mut delay = luck.between(millis.0, millis.1);
        if !self.healed && luck.of(1).once_in(50) {
            delay += luck.of(2).between(500, 5000);
        }
        self.after(
            Duration::from_millis(delay),
            Thing::Hear(self.epoch, Box::new(observation)),
        );
    }

    /// Lets the next thing happen. False when nothing is left to happen.
    pub(crate) fn next(&mut self) -> bool {
        let tick = self.control.poll_timeout().map(|at| self.truth(at));
        let due = self.queue.peek().map(|Reverse(due)| due.at);
        match (tick, due) {
            (None, None) => false,
            (Some(tick), due) if due.is_none_or(|due| tick < due) => {
                self.now = self.now.max(tick);
                self.send(Event::Tick);
                true
            }
            _ => {
                let Some(Reverse(due)) = self.queue.pop() else {
                    return false;
                };
                self.now = self.now.max(due.at);
                match due.thing {
                    Thing::Begin(run) => self.begin(run),
                    Thing::Exit(run, exit) => self.exit(run, exit),
                    Thing::Hear(epoch, observation) if epoch == self.epoch => {
                        self.hear(*observation);
                    }
                    Thing::Hear(..) => {}
                }
                true
            }
        }
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let tick = self.control.poll_timeout().map(|at| self.truth(at));
        let due = self.queue.peek().map(|Reverse(due)| due.at);
        [tick, due].into_iter().flatten().min()
    }

    fn hear(&mut self, observation: Observation) {
        self.told(&observation);
        self.asks_anew = false;
        self.hears_stale = self.is_stale(&observation);
        if self.story.is_some() && !self.is_dull(&observation) {
            self.tell(|| {
                format!(
                    "the node hears: {}",
                    crate::story::observation(&observation)
                )
            });
        }
        let epoch = self.epoch;
        let again = self.chance().once_in(4).then(|| observation.clone());
        self.send(Event::Saw(observation));
        self.hears_stale = false;
        let Some(observation) = again else { return };
        // Probes, hooks and preparations have no number: the same word again would be the answer to the next question.
        if self.epoch == epoch && !self.asks_anew {
            self.send_again(Event::Saw(observation));
        }
    }

    /// One more success of a probe that succeeds all the time, or what there is to do.
    fn is_dull(&self, observation: &Observation) -> bool {
        let Observation::Probed { run, result, .. } = observation else {
            return matches!(observation, Observation::Measured { .. });
        };
        let process = self.processes.get(run);
        result.ok && process.is_some_and(|process| process.told.successes > 2)
    }

    /// Says something to the core that it knows already: it must do nothing.
    pub(crate) fn send_again(&mut self, event: Event) {
        let now = self.clock();
        self.control.handle(event, now);
        if let Some(action) = self.control.poll_action() {
            let words = crate::story::action(&action);
            self.violate(|| format!("a repeated word changed something: {words}"));
            while self.control.poll_action().is_some() {}
        }
    }

    /// Says something to the core and performs what it answers, unless the node dies meanwhile.
    pub(crate) fn send(&mut self, event: Event) {
        let now = self.clock();
        self.control.handle(event, now);
        while let Some(action) = self.control.poll_action() {
            self.perform(action);
            if let Some(fuse) = &mut self.fuse {
                if *fuse == 0 {
                    return self.crash_node();
                }
                *fuse -= 1;
            }
        }
    }

    pub(crate) fn want(&mut self) {
        let wish = Wish {
            project: self.project.clone(),
            scale: self.scale.clone(),
            stopped: self.stopped.clone(),
        };
        self.wish = Some(wish.clone());
        let services = &wish.project.services;
        self.memories
            .retain(|name, _| services.contains_key(&name.service));
        self.send(Event::Want(wish));
    }

    /// The node dies, and another one starts with what was stored and what is there.
    pub(crate) fn crash_node(&mut self) {
        self.fuse = None;
        self.tell(|| "the node is killed, and starts again".to_owned());
        self.epoch += 1;
        self.now = self.now + RESTART;
        self.calm.clear();
        // A clock may jump under a running node; from one node to the next it is the machine's monotonic clock.
        let past = self.shown_max + RESTART;
        let ahead = past.as_nanos().saturating_sub(self.now.as_nanos());
        self.skew_nanos = self
            .skew_nanos
            .max(i64::try_from(ahead).unwrap_or(i64::MAX));
        self.control = Control::new(machine(self.capacity));
        self.boot();
    }

    fn boot(&mut self) {
        if let Some(wish) = self.wish.clone() {
            self.send(Event::Want(wish));
        }
        self.send(Event::Remembered(self.memories.clone()));
        self.acknowledged.clear();
        let inventory = self.inventory();
        self.send(Event::Found(inventory.clone()));
        self.send_again(Event::Found(inventory));
    }

    fn inventory(&mut self) -> Inventory {
        let wish = &self.wish;
        let mut survivors = Vec::new();
        for process in self.processes.values_mut() {
            process.told = Told::default();
            if self.folders.get(&process.replica) != Some(&process.run) {
                continue;
            }
            let service = wish
                .as_ref()
                .and_then(|wish| wish.project.services.get(&process.replica.service));
            process.told = Told {
                started: process.begun,
                exited: !process.is_alive(),
                trusted: process.begun,
                since: self.felt,
                passed: process.begun,
                ..Told::default()
            };
            survivors.push(Survivor {
                replica: process.replica.clone(),
                run: process.run,
                definition: process.definition.clone(),
                pid: process.pid(),
                ip: process.ip(),
                moved_ports: BTreeMap::new(),
                prepared: crate::machine::prepared(
                    service.map_or(&process.service, |service| service),
                ),
                starting: process.is_alive() && !process.begun,
                exit: process.exit.clone(),
            });
        }
        Inventory {
            survivors,
            run_max: self.run_max,
        }
    }

    /// What the node's clock shows.
    fn clock(&mut self) -> Time {
        let shown = i128::from(self.now.as_nanos()) + i128::from(self.skew_nanos);
        let shown = Time::from_nanos(u64::try_from(shown).unwrap_or_default());
        self.felt = self.felt + shown.since(self.shown);
        self.shown = shown;
        self.shown_max = self.shown_max.max(shown);
        shown
    }

    /// When the node's clock will show this.
    fn truth(&self, shown: Time) -> Time {
        let truth = i128::from(shown.as_nanos()) - i128::from(self.skew_nanos);
        Time::from_nanos(u64::try_from(truth).unwrap_or_default())
    }

    pub(crate) fn violate(&mut self, words: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let words = words();
            self.tell(|| format!("VIOLATION: {words}"));
            self.violation = Some(words);
        }
    }

    /// Performed and noted by the story.
    fn perform(&mut self, action: Action) {
        let dull = matches!(action, Action::Probe { .. } | Action::Measure { .. });
        if self.story.is_some() && !dull {
            self.tell(|| format!("    {}", crate::story::action(&action)));
        }
        self.check(&action);
        self.act(action);
    }
}

fn machine(capacity: Capacity) -> Machine {
    Machine {
        capacity,
        attributes: BTreeMap::new(),
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
