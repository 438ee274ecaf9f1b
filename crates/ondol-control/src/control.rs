use std::collections::{BTreeMap, VecDeque};

use ondol_model::{Inventory, Observation, ProjectName, ReplicaId, ServiceRef, Time};

use crate::adopt::adopt;
use crate::clock::Clock;
use crate::command::obey;
use crate::place::{Machine, Room};
use crate::project::ProjectState;
use crate::replica::{Life, Replica};
use crate::running::{Running, Whereabouts};
use crate::service::ServiceState;
use crate::turn::{Ids, Turn};
use crate::{Action, Command, Event, Memory, View, Wish};

/// The control core. Everything comes in by [`handle`](Self::handle) and goes out by
/// [`poll_action`](Self::poll_action); between two calls nothing happens.
#[derive(Debug)]
pub struct Control {
    clock: Clock,
    now: Time,
    /// [`Event::Found`] has come: before it nothing is done.
    found: bool,
    room: Room,
    ids: Ids,
    projects: BTreeMap<ProjectName, ProjectState>,
    out: VecDeque<Action>,
    view: View,
}

impl Control {
    /// A core that knows its machine and nothing else. [`Event::Want`] for each project comes next, then
    /// [`Event::Found`].
    pub fn new(machine: Machine) -> Self {
        Control {
            clock: Clock::default(),
            now: Time::ZERO,
            found: false,
            room: Room::new(machine),
            ids: Ids::default(),
            projects: BTreeMap::new(),
            out: VecDeque::new(),
            view: View::default(),
        }
    }

    /// Takes in what happened, and decides. `now` should not go back; when it does, the core's time stands still
    /// until it is told of later moments.
    pub fn handle(&mut self, event: Event, now: Time) {
        self.now = self.clock.inner(now);
        let touched = match event {
            Event::Found(inventory) => self.find(inventory),
            Event::Remembered(memories) => self.recall(memories),
            Event::Want(wish) => self.want(wish),
            Event::Asked(command) => self.ask(command),
            Event::Saw(observation) => self.see(observation),
            Event::Tick => Touched::Due,
        };
        if self.found {
            self.advance(touched);
        }
    }

    /// The next thing to do, until there is none. Actions about one replica are to be performed in this order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    /// When [`Event::Tick`] is due; `None` when only something that happens can change anything.
    pub fn poll_timeout(&self) -> Option<Time> {
        let wakes = self.projects.values().filter_map(|project| project.wake);
        wakes.min().map(|wake| self.clock.outer(wake))
    }

    /// What readers see. Cheap to clone; only what changed since the last call is built again.
    pub fn view(&mut self) -> &View {
        self.view
            .refresh(&mut self.projects, &self.room, &self.clock);
        &self.view
    }

    fn turn(&mut self) -> (Turn<'_>, &mut BTreeMap<ProjectName, ProjectState>) {
        let turn = Turn {
            now: self.now,
            out: &mut self.out,
            room: &mut self.room,
            ids: &mut self.ids,
        };
        (turn, &mut self.projects)
    }

    fn find(&mut self, inventory: Inventory) -> Touched {
        if std::mem::replace(&mut self.found, true) {
            return Touched::Nothing;
        }
        self.ids.run = inventory.run_max.0;
        for survivor in &inventory.survivors {
            self.ids.run = self.ids.run.max(survivor.run.0);
        }
        // Later than any version of an earlier node on this machine: versions grow slower than nanoseconds.
        self.ids.table = self.now.as_nanos();
        let (mut turn, projects) = self.turn();
        adopt(inventory, projects, &mut turn);
        Touched::All
    }

    fn recall(&mut self, memories: BTreeMap<ServiceRef, Memory>) -> Touched {
        // Later than that, what is remembered was decided by this node.
        for (name, memory) in memories.into_iter().filter(|_| !self.found) {
            let project = self.projects.get_mut(&name.project);
            if let Some(service) = project.and_then(|known| known.service_mut(&name.service)) {
                service.recall(memory, self.now);
            }
        }
        Touched::Nothing
    }

    fn want(&mut self, wish: Wish) -> Touched {
        let name = wish.project.name.clone();
        let (mut turn, projects) = self.turn();
        let project = projects
            .entry(name.clone())
            .or_insert_with(|| ProjectState::new(name.clone()));
        project.want(wish, &mut turn);
        Touched::Project(name)
    }

    fn ask(&mut self, command: Command) -> Touched {
        let name = command.project().clone();
        let (mut turn, projects) = self.turn();
        let project = projects
            .entry(name.clone())
            .or_insert_with(|| ProjectState::new(name.clone()));
        obey(project, command, &mut turn);
        Touched::Project(name)
    }

    fn see(&mut self, observation: Observation) -> Touched {
        match observation {
            Observation::Machine(capacity) => {
                self.room.resize(capacity);
                Touched::Nothing
            }
            Observation::Preparing {
                service,
                definition,
                doing,
            } => self.service(&service, |service, _| {
                service.preparations.doing(&definition, doing)
            }),
            Observation::Prepared {
                service,
                definition,
                prepared,
            } => self.service(&service, |service, turn| {
                service.prepared(&definition, prepared, turn)
            }),
            Observation::PrepareFailed {
                service,
                definition,
                why,
            } => self.service(&service, |service, turn| {
                let name = service.name.clone();
                service.preparations.failed(&name, &definition, why, turn)
            }),
            Observation::Acknowledged { service, version } => {
                self.service(&service, |service, _| service.table.acknowledge(version))
            }
            Observation::Measured { service, reading } => {
                let reading = self.clock.reading(*reading);
                self.service(&service, |service, turn| service.measured(&reading, turn))
            }
            Observation::Awaited { service } => self.service(&service, ServiceState::awaited),
            Observation::Exited { replica, run, exit } => {
                let number = replica.number;
                self.service(&replica.service_ref(), |service, turn| {
                    service.exited(number, run, exit, turn)
                })
            }
            about_a_process => self.see_process(about_a_process),
        }
    }

    fn see_process(&mut self, observation: Observation) -> Touched {
        match observation {
            Observation::Started {
                replica,
                run,
                pid,
                ip,
                moved_ports,
            } => self.replica(&replica, |replica, now| {
                let at = Whereabouts {
                    pid,
                    ip,
                    moved_ports,
                };
                replica.started(run, at, now)
            }),
            Observation::Listening {
                replica,
                run,
                ports,
            } => self.replica(&replica, |replica, _| {
                running(replica, run, |running| running.listens(ports))
            }),
            Observation::Probed {
                replica,
                run,
                kind,
                result,
            } => self.replica(&replica, |replica, now| {
                running(replica, run, |running| running.answered(kind, result, now))
            }),
            Observation::HookEnded {
                replica,
                run,
                result,
            } => self.replica(&replica, |replica, now| match &mut replica.life {
                Life::Leaving(leaving) if leaving.run == run => {
                    leaving.hook_ended(now);
                    true
                }
                _ => running(replica, run, |running| running.hook_ended(result)),
            }),
            Observation::Drained { replica, run } => {
                self.replica(&replica, |replica, now| match &mut replica.life {
                    Life::Leaving(leaving) if leaving.run == run => {
                        leaving.drained(now);
                        true
                    }
                    _ => false,
                })
            }
            _ => Touched::Nothing,
        }
    }

    fn service(
        &mut self,
        name: &ServiceRef,
        change: impl FnOnce(&mut ServiceState, &mut Turn) -> bool,
    ) -> Touched {
        let (mut turn, projects) = self.turn();
        let Some(project) = projects.get_mut(&name.project) else {
            return Touched::Nothing;
        };
        let service = project.service_mut(&name.service);
        if service.is_some_and(|service| change(service, &mut turn)) {
            project.stale = true;
            return Touched::Project(name.project.clone());
        }
        Touched::Nothing
    }

    fn replica(
        &mut self,
        id: &ReplicaId,
        change: impl FnOnce(&mut Replica, Time) -> bool,
    ) -> Touched {
        let now = self.now;
        self.service(&id.service_ref(), |service, _| {
            let replica = service.replicas.get_mut(&id.number);
            replica.is_some_and(|replica| change(replica, now))
        })
    }

    /// Lets the projects that were touched, and those whose time has come, take their steps.
    fn advance(&mut self, touched: Touched) {
        let now = self.now;
        let (mut turn, projects) = self.turn();
        for (name, project) in &mut *projects {
            let due = project.wake.is_some_and(|wake| wake <= now);
            if due || touched.is(name) {
                project.stale = true;
                project.advance(&mut turn);
            }
        }
        // Room that one project gave back may be what another waits for.
        while std::mem::take(&mut turn.room.appeared) {
            for project in projects.values_mut() {
                project.advance(&mut turn);
            }
        }
        projects.retain(|_, project| !project.is_gone());
    }
}

/// Which projects an event is about.
enum Touched {
    Nothing,
    /// Only those whose time has come.
    Due,
    Project(ProjectName),
    All,
}

impl Touched {
    fn is(&self, name: &ProjectName) -> bool {
        match self {
            Touched::Nothing | Touched::Due => false,
            Touched::Project(touched) => touched == name,
            Touched::All => true,
        }
    }
}

fn running(
    replica: &mut Replica,
    run: ondol_model::RunId,
    change: impl FnOnce(&mut Running),
) -> bool {
    match &mut replica.life {
        Life::Running(running) if running.run == run => {
            change(running);
            true
        }
        _ => false,
    }
}
