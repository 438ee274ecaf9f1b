use std::time::Duration;

use ondol_model::{Exit, RunId};

use super::{Ending, Life, Replica, Step};
use crate::NoteKind;
use crate::backoff::{HEALTHY_AFTER, pause};
use crate::drain::Then;
use crate::job::{Afterwards, afterwards};
use crate::span::{nth, span};
use crate::turn::Turn;

/// What follows when its process has ended.
impl Replica {
    /// Its process ended. `Gone` when it is not wanted any more.
    pub(crate) fn exited(&mut self, run: RunId, exit: Exit, turn: &mut Turn) -> Step {
        if self.run() != Some(run) {
            return Step::Same;
        }
        self.last_exit = Some(exit.clone());
        match &self.life {
            Life::Leaving(leaving) => match leaving.then {
                Then::Discard { volumes } => {
                    self.because = exit.to_string();
                    turn.tell(NoteKind::Ended, &self.id, exit.to_string());
                    self.discard(volumes, turn);
                    Step::Gone
                }
                Then::Rest => {
                    self.end(Ending::Stopped, format!("stopped on request: {exit}"), turn);
                    Step::Changed
                }
                Then::Again { crash: false } => {
                    self.because = format!("ended on request: {exit}");
                    self.enter(Life::Planned { on: None }, turn.now);
                    Step::Changed
                }
                Then::Again { crash: true } => self.crashed(&exit, true, turn),
            },
            _ => self.crashed(&exit, false, turn),
        }
    }

    /// Ended by itself, or, when it was `failing`, because its probes said so: then a clean end is no success.
    fn crashed(&mut self, exit: &Exit, failing: bool, turn: &mut Turn) -> Step {
        let Some(target) = self.target.clone() else {
            self.discard(false, turn);
            return Step::Gone;
        };
        // One that was found with another definition than any that is known can only come back as what is known.
        if !self.is_of(&target) {
            (self.initiates, self.initiated) = (false, false);
        }
        self.definition = target.definition.clone();
        self.generation = target.generation;
        let running = self.running();
        let lived = running.map(|running| turn.now.since(running.started));
        let healthy = running.and_then(|running| running.ready_since);
        let window = target.service.restart.window.unwrap_or(HEALTHY_AFTER);
        let proved = healthy.is_some_and(|since| turn.now.since(since) >= window);
        self.crashes = if proved {
            1
        } else {
            self.crashes.saturating_add(1)
        };
        let after = lived.map_or_else(String::new, |lived| format!(" after {}", span(lived)));
        let what = format!("{exit}{after}");
        if self.once {
            let ending = if exit.is_success() {
                Ending::Done
            } else {
                Ending::GaveUp
            };
            self.end(ending, what, turn);
            return Step::Changed;
        }
        let succeeded = exit.is_success() && !failing;
        match afterwards(&target.service, succeeded, self.crashes) {
            Afterwards::Done => self.end(Ending::Done, format!("{what}: it is done"), turn),
            Afterwards::GaveUp(why) => self.end(Ending::GaveUp, format!("{what}; {why}"), turn),
            Afterwards::Again => self.again(what, target.service.restart.delay, turn),
        }
        Step::Changed
    }

    fn again(&mut self, what: String, delay: Duration, turn: &mut Turn) {
        let pause = pause(&self.id, self.crashes).max(delay);
        self.because = if pause == Duration::ZERO {
            format!("{what}; started again at once")
        } else {
            format!(
                "{what}; started again in {} ({} time)",
                span(pause),
                nth(self.crashes)
            )
        };
        turn.tell(NoteKind::Exited, &self.id, self.because.clone());
        if pause == Duration::ZERO {
            self.enter(Life::Planned { on: None }, turn.now);
            return;
        }
        let until = turn.now + pause;
        self.enter(Life::Backoff { until }, turn.now);
    }
}
