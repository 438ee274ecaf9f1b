use std::fmt;
use std::sync::Arc;

use ondol_model::{Phase, Prepared, Run};

use super::{Life, Replica, Step, Surroundings};
use crate::initiate::{AWAITED, Initiation};
use crate::place::Shortage;
use crate::target::Target;
use crate::turn::Turn;
use crate::{Action, NoteKind};

/// From being wanted to being started.
impl Replica {
    /// Started when it is prepared, its dependencies let it and it fits; else it says once what it waits for.
    pub(super) fn step_planned(&mut self, around: &Surroundings, turn: &mut Turn) -> Step {
        let Some(target) = self.target.clone() else {
            return Step::Same;
        };
        let Some(prepared) = around.prepared else {
            // The preparation itself is told by the service.
            return self.waits(Phase::Preparing, None, turn);
        };
        if !around.gate.open && !target.service.depends_on.is_empty() {
            return self.waits(Phase::Waiting, around.gate.words.clone(), turn);
        }
        if around.initiation == Initiation::Awaited {
            return self.waits(Phase::Waiting, Some(AWAITED.to_owned()), turn);
        }
        if self.held.is_none() {
            if let Err(refusal) = place(&target, around.placed, turn) {
                let told = matches!(
                    self.life,
                    Life::Planned {
                        on: Some(Phase::Pending)
                    }
                );
                let words = (!told).then(|| refusal.to_string());
                return self.waits(Phase::Pending, words, turn);
            }
            self.held = Some(target.demand());
        }
        self.initiates = around.initiation == Initiation::Mine;
        self.start(target, prepared.clone(), turn)
    }

    fn start(&mut self, target: Arc<Target>, prepared: Arc<Prepared>, turn: &mut Turn) -> Step {
        let run = turn.ids.run();
        if self.has_folder {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.has_folder = true;
        self.definition = target.definition.clone();
        self.generation = target.generation;
        turn.tell(NoteKind::Started, &self.id, self.because.clone());
        turn.act(Action::Start(Box::new(Run {
            replica: self.id.clone(),
            run,
            definition: target.definition.clone(),
            project: target.project.clone(),
            initiates: self.initiates,
            service: target.service.clone(),
        })));
        self.enter(Life::Launching { run, prepared }, turn.now);
        Step::Changed
    }

    fn waits(&mut self, phase: Phase, words: Option<String>, turn: &mut Turn) -> Step {
        let Life::Planned { on } = &mut self.life else {
            return Step::Same;
        };
        if *on == Some(phase) {
            return Step::Same;
        }
        *on = Some(phase);
        if let Some(words) = words {
            turn.tell(NoteKind::Waiting, &self.id, words);
        }
        Step::Changed
    }
}

/// Why a replica is not placed.
enum Refusal {
    Constraint(String),
    Crowded(u32),
    Strangers(u32),
    Shortage(Shortage),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Constraint(why) => f.write_str(why),
            Refusal::Crowded(max) => write!(
                f,
                "`max_replicas_per_node` is {max}, and so many are here already"
            ),
            Refusal::Strangers(number) => write!(
                f,
                "{number} replicas of an earlier time are still ending, and what they take is not known"
            ),
            Refusal::Shortage(shortage) => shortage.fmt(f),
        }
    }
}

/// Takes room for one replica, or says why it cannot be here.
fn place(target: &Target, placed: u32, turn: &mut Turn) -> Result<(), Refusal> {
    let service = &target.service;
    if let Some(why) = turn.room.unmet(&service.placement_constraints) {
        return Err(Refusal::Constraint(why));
    }
    if let Some(max) = service.replicas_per_node_max.filter(|max| placed >= *max) {
        return Err(Refusal::Crowded(max));
    }
    if let Some(number) = turn.room.strangers(target.demand()) {
        return Err(Refusal::Strangers(number));
    }
    turn.room.take(target.demand()).map_err(Refusal::Shortage)
}
