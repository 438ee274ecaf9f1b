use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Demand, Digest, Exit, Phase, Prepared, ReplicaId, RunId, Service, Time};

use crate::NoteKind;
use crate::checks::ReadyFrom;
use crate::drain::{Leaving, Pace, Step as LeavingStep, Then};
use crate::initiate::Initiation;
use crate::running::{Next, Running, Stage, Whereabouts};
use crate::target::Target;
use crate::turn::Turn;

mod end;
mod leave;
mod start;

/// How long a new replica without any check must run before an old one goes.
const PROOF: Duration = Duration::from_secs(1);

/// One replica, from its placement to its end: a method per phase.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    /// What its process was started from.
    pub(crate) definition: Digest,
    pub(crate) generation: u64,
    /// `None` for one that was found and that nobody knows.
    pub(crate) target: Option<Arc<Target>>,
    /// A one-off run beside the others.
    pub(crate) once: bool,
    /// Nobody will ask to forget this one-off: its asker went with the node, or said so.
    pub(crate) forgotten: bool,
    pub(crate) life: Life,
    /// Since when it is in this phase.
    pub(crate) since: Time,
    /// Room set aside for it.
    pub(crate) held: Option<Demand>,
    /// Ends in a row without a healthy run in between.
    pub(crate) crashes: u32,
    /// Starts after the first.
    pub(crate) restarts: u32,
    pub(crate) last_exit: Option<Exit>,
    /// Its failure has been counted against the rollout.
    pub(crate) blamed: bool,
    /// Its last start does the `pre_start` steps of the whole service.
    pub(crate) initiates: bool,
    /// It has run: what comes before a service's process was done.
    pub(crate) initiated: bool,
    /// It has a folder on the machine.
    has_folder: bool,
    /// The last decision about it, in words.
    pub(crate) because: String,
}

/// Where it is in its life.
#[derive(Debug)]
pub(crate) enum Life {
    /// Not started: waits for what is named, which has been told; `None` before it was looked at.
    Planned { on: Option<Phase> },
    /// Ended, and started again at this moment.
    Backoff { until: Time },
    /// Start was asked for.
    Launching { run: RunId, prepared: Arc<Prepared> },
    /// Its process runs.
    Running(Box<Running>),
    /// On its way out.
    Leaving(Box<Leaving>),
    /// Not started again.
    Ended(Ending),
}

/// How its life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It did what it was started for.
    Done,
    /// It failed for good.
    GaveUp,
    /// On request; it may be started again.
    Stopped,
}

/// What a replica sees of its surroundings when it takes a step.
pub(crate) struct Surroundings<'a> {
    /// What it waits for before it may start; the words only when somebody needs them.
    pub(crate) gate: &'a Gate,
    /// Its service can be started, with what was learned.
    pub(crate) prepared: Option<&'a Arc<Prepared>>,
    /// Newest version of the endpoint table that was published, and that is in use.
    pub(crate) table: (u64, u64),
    /// Replicas of the service that take up room here.
    pub(crate) placed: u32,
    /// What it has to do with the `pre_start` steps of the whole service.
    pub(crate) initiation: Initiation,
}

/// Whether dependencies let a replica start.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) open: bool,
    pub(crate) words: Option<String>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Same,
    Changed,
    /// It is gone: forget it.
    Gone,
}

impl Replica {
    /// One that is to be started.
    pub(crate) fn planned(id: ReplicaId, target: &Arc<Target>, because: String, now: Time) -> Self {
        Replica {
            id,
            definition: target.definition.clone(),
            generation: target.generation,
            target: Some(target.clone()),
            once: false,
            forgotten: false,
            life: Life::Planned { on: None },
            since: now,
            held: None,
            crashes: 0,
            restarts: 0,
            last_exit: None,
            blamed: false,
            initiates: false,
            initiated: false,
            has_folder: false,
            because,
        }
    }

    /// One that was found on the machine.
    pub(crate) fn found(
        id: ReplicaId,
        definition: Digest,
        target: Option<Arc<Target>>,
        life: Life,
        now: Time,
    ) -> Self {
        Replica {
            generation: target.as_ref().map_or(0, |target| target.generation),
            id,
            definition,
            target,
            once: false,
            forgotten: false,
            life,
            since: now,
            held: None,
            crashes: 0,
            restarts: 0,
            last_exit: None,
            blamed: false,
            initiates: false,
            initiated: false,
            has_folder: true,
            because: String::new(),
        }
    }

    pub(crate) fn service(&self) -> Option<&Arc<Service>> {
        self.target.as_ref().map(|target| &target.service)
    }

    pub(crate) fn is_of(&self, target: &Target) -> bool {
        self.generation == target.generation && self.definition == target.definition
    }

    pub(crate) fn run(&self) -> Option<RunId> {
        match &self.life {
            Life::Launching { run, .. } => Some(*run),
            Life::Running(running) => Some(running.run),
            Life::Leaving(leaving) => Some(leaving.run),
            Life::Planned { .. } | Life::Backoff { .. } | Life::Ended(_) => None,
        }
    }

    /// Its process, when it is known to run.
    pub(crate) fn running(&self) -> Option<&Running> {
        match &self.life {
            Life::Running(running) => Some(running),
            Life::Leaving(leaving) => leaving.running.as_deref(),
            _ => None,
        }
    }

    /// It may be sent traffic.
    pub(crate) fn serves(&self) -> bool {
        !self.once && matches!(&self.life, Life::Running(running) if running.stage == Stage::Ready)
    }

    /// When it can take the place of another: one that has no check proves itself by not ending at once. A program
    /// that does not even start would else have the good one before it stopped.
    pub(crate) fn proved_at(&self) -> Option<Time> {
        match &self.life {
            Life::Running(running) if running.checks.from == ReadyFrom::Nothing => {
                Some(running.ready_since? + PROOF)
            }
            _ => None,
        }
    }

    /// It will be gone.
    pub(crate) fn is_discarded(&self) -> bool {
        matches!(&self.life, Life::Leaving(leaving) if matches!(leaving.then, Then::Discard { .. }))
    }

    pub(crate) fn phase(&self) -> Phase {
        match &self.life {
            Life::Planned { on } => on.unwrap_or(Phase::Waiting),
            Life::Backoff { .. } => Phase::Backoff,
            Life::Launching { .. } => Phase::Starting,
            Life::Running(running) => match running.stage {
                Stage::Starting => Phase::Starting,
                Stage::Ready => Phase::Ready,
                Stage::Unready => Phase::Unready,
            },
            Life::Leaving(leaving) => match leaving.step {
                LeavingStep::Withdraw { .. } | LeavingStep::Drain { .. } => Phase::Draining,
                _ => Phase::Stopping,
            },
            Life::Ended(_) => Phase::Ended,
        }
    }

    /// When it has something to do without being told anything.
    pub(crate) fn wake(&self) -> Option<Time> {
        match &self.life {
            Life::Backoff { until } => Some(*until),
            Life::Running(running) => running.wake(),
            Life::Leaving(leaving) => Some(leaving.wake()),
            Life::Planned { .. } | Life::Launching { .. } | Life::Ended(_) => None,
        }
    }

    /// Takes the step that is due in its phase.
    pub(crate) fn step(&mut self, around: &Surroundings, turn: &mut Turn) -> Step {
        match &mut self.life {
            Life::Planned { .. } => self.step_planned(around, turn),
            Life::Backoff { until } if *until <= turn.now => {
                self.enter(Life::Planned { on: None }, turn.now);
                Step::Changed
            }
            Life::Running(_) => self.step_running(turn),
            Life::Leaving(leaving) => {
                let service = self.target.as_ref().map(|target| &*target.service);
                if leaving.step(&self.id, service, around.table, turn) {
                    Step::Changed
                } else {
                    Step::Same
                }
            }
            Life::Backoff { .. } | Life::Launching { .. } | Life::Ended(_) => Step::Same,
        }
    }

    fn step_running(&mut self, turn: &mut Turn) -> Step {
        let (Life::Running(running), Some(target)) = (&mut self.life, &self.target) else {
            return Step::Same;
        };
        let before = running.stage;
        match running.step(&self.id, &target.service, turn) {
            Next::Same => Step::Same,
            Next::Changed => {
                if running.stage != before {
                    self.since = turn.now;
                }
                Step::Changed
            }
            Next::Restart(why) => {
                self.leave(
                    Then::Again { crash: true },
                    Pace::Hangs,
                    NoteKind::Stopping,
                    why,
                    turn,
                );
                Step::Changed
            }
        }
    }

    /// Its process runs.
    pub(crate) fn started(&mut self, run: RunId, at: Whereabouts, now: Time) -> bool {
        match &mut self.life {
            Life::Launching {
                run: mine,
                prepared,
            } if *mine == run => {
                let Some(target) = &self.target else {
                    return false;
                };
                let running = Running::new(run, at, prepared.clone(), &target.service, now);
                self.initiated = true;
                self.enter(Life::Running(Box::new(running)), now);
                true
            }
            _ => false,
        }
    }

    /// Ends a pause early: what it may have crashed for has changed.
    pub(crate) fn retry(&mut self, why: &str, turn: &mut Turn) -> bool {
        if !matches!(self.life, Life::Backoff { .. }) {
            return false;
        }
        self.because = format!("started again at once: {why}");
        turn.tell(NoteKind::Backoff, &self.id, self.because.clone());
        self.enter(Life::Planned { on: None }, turn.now);
        true
    }

    /// Brings one that was stopped on request back.
    pub(crate) fn revive(&mut self, target: &Arc<Target>, now: Time) {
        self.target = Some(target.clone());
        self.crashes = 0;
        self.because = "wanted again".to_owned();
        self.enter(Life::Planned { on: None }, now);
    }

    /// Follows a change of its definition that needs no restart.
    pub(crate) fn retarget(&mut self, target: &Arc<Target>, now: Time) {
        self.target = Some(target.clone());
        if let Life::Running(running) = &mut self.life {
            running.recheck(&target.service, now);
        }
    }

    fn enter(&mut self, life: Life, now: Time) {
        self.life = life;
        self.since = now;
    }
}
