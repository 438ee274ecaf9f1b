use super::{Ending, Life, Replica, Step};
use crate::drain::{Leaving, Pace, Then};
use crate::turn::Turn;
use crate::{Action, NoteKind};

/// On its way out.
impl Replica {
    /// Sends it on its way out. `Gone` when there is nothing to wait for.
    pub(crate) fn leave(
        &mut self,
        then: Then,
        pace: Pace,
        kind: NoteKind,
        why: String,
        turn: &mut Turn,
    ) -> Step {
        let (run, running) = match &mut self.life {
            Life::Planned { .. } | Life::Backoff { .. } | Life::Ended(_) => {
                return self.leave_without_process(then, why, turn);
            }
            Life::Leaving(leaving) => {
                if leaving.then >= then {
                    return Step::Same;
                }
                leaving.then = then;
                self.because = why;
                return Step::Changed;
            }
            Life::Launching { run, .. } => (*run, None),
            Life::Running(_) => {
                let Life::Running(running) =
                    std::mem::replace(&mut self.life, Life::Planned { on: None })
                else {
                    return Step::Same;
                };
                (running.run, Some(running))
            }
        };
        turn.tell(kind, &self.id, why.clone());
        self.because = why;
        let service = self.service().map(|service| &**service);
        let leaving = Leaving::new(run, running, pace, then, service, turn.now);
        self.enter(Life::Leaving(Box::new(leaving)), turn.now);
        Step::Changed
    }

    fn leave_without_process(&mut self, then: Then, why: String, turn: &mut Turn) -> Step {
        match then {
            Then::Discard { volumes } => {
                turn.tell(NoteKind::Ended, &self.id, why);
                self.discard(volumes, turn);
                Step::Gone
            }
            Then::Rest if matches!(self.life, Life::Ended(Ending::Stopped)) => Step::Same,
            Then::Rest => {
                self.end(Ending::Stopped, why, turn);
                Step::Changed
            }
            Then::Again { .. } => {
                self.because = why;
                self.enter(Life::Planned { on: None }, turn.now);
                Step::Changed
            }
        }
    }

    /// Ends its process now and starts it again.
    pub(crate) fn kill(&mut self, why: String, turn: &mut Turn) -> Step {
        let then = Then::Again { crash: false };
        let (run, running) = match std::mem::replace(&mut self.life, Life::Planned { on: None }) {
            Life::Launching { run, .. } => (run, None),
            Life::Running(running) => (running.run, Some(running)),
            Life::Leaving(mut leaving) => {
                let (run, running) = (leaving.run, leaving.running.take());
                let killed = Leaving::killed(&self.id, run, running, leaving.then, turn);
                self.life = Life::Leaving(Box::new(killed));
                return Step::Changed;
            }
            other @ (Life::Planned { .. } | Life::Backoff { .. } | Life::Ended(_)) => {
                self.life = other;
                return Step::Same;
            }
        };
        turn.tell(NoteKind::Stopping, &self.id, why.clone());
        self.because = why;
        let killed = Leaving::killed(&self.id, run, running, then, turn);
        self.enter(Life::Leaving(Box::new(killed)), turn.now);
        Step::Changed
    }

    pub(super) fn end(&mut self, ending: Ending, why: String, turn: &mut Turn) {
        turn.tell(NoteKind::Ended, &self.id, why.clone());
        self.because = why;
        self.give_room_back(turn);
        self.enter(Life::Ended(ending), turn.now);
    }

    pub(super) fn discard(&mut self, volumes: bool, turn: &mut Turn) {
        self.give_room_back(turn);
        if self.has_folder {
            turn.act(Action::Discard {
                replica: self.id.clone(),
                volumes,
            });
        }
    }

    fn give_room_back(&mut self, turn: &mut Turn) {
        match self.held.take() {
            Some(held) => turn.room.give_back(held),
            None if self.target.is_none() => turn.room.stranger_left(),
            None => {}
        }
    }
}
