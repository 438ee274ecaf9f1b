use std::sync::Arc;

use ondol_model::{Digest, Prepared, ServiceRef, Time};

use crate::backoff::prepare_pause;
use crate::span::{nth, span};
use crate::target::Target;
use crate::turn::Turn;
use crate::{Action, NoteKind};

/// So many definitions are remembered as prepared though nobody uses them just now.
const REMEMBERED_MIN: usize = 3;

/// What a service's definitions need to be started, and whether it is there.
#[derive(Debug, Default)]
pub(crate) struct Preparations {
    entries: Vec<Preparation>,
}

/// The preparation of one definition.
#[derive(Debug)]
pub(crate) struct Preparation {
    definition: Digest,
    pub(crate) state: State,
    failures: u32,
    /// What is done just now, for people.
    pub(crate) doing: String,
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum State {
    /// Asked for; `again` when it was done before and its sources changed, `more` when they changed once more since.
    Asked {
        again: bool,
        more: bool,
    },
    Done(Arc<Prepared>),
    /// Tried again at this moment.
    Failed {
        why: String,
        again_at: Time,
    },
}

/// What an answer to a preparation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nobody waits for it.
    Unasked,
    /// It can be started.
    First,
    /// Its replicas are to be replaced: they were started from what was prepared before.
    Renewed,
    /// Its sources changed while it was prepared.
    Stale,
}

impl State {
    fn asked(again: bool) -> Self {
        State::Asked { again, more: false }
    }
}

impl Preparations {
    pub(crate) fn of(&self, definition: &Digest) -> Option<&Preparation> {
        self.entries
            .iter()
            .find(|entry| entry.definition == *definition)
    }

    /// What was learned, when it is done.
    pub(crate) fn done(&self, definition: &Digest) -> Option<&Arc<Prepared>> {
        match &self.of(definition)?.state {
            State::Done(prepared) => Some(prepared),
            State::Asked { .. } | State::Failed { .. } => None,
        }
    }

    /// Why it could not be done, while it cannot.
    pub(crate) fn failure(&self, definition: &Digest) -> Option<&str> {
        match &self.of(definition)?.state {
            State::Failed { why, .. } => Some(why),
            State::Asked { .. } | State::Done(_) => None,
        }
    }

    /// Sees to it that this target becomes startable; nothing when it is, or is being made so.
    pub(crate) fn need(&mut self, service: &ServiceRef, target: &Target, turn: &mut Turn) -> bool {
        match self.entry(&target.definition) {
            None => self.remember(&target.definition, false),
            Some(entry) => match entry.state {
                State::Failed { again_at, .. } if again_at <= turn.now => {
                    entry.state = State::asked(false);
                }
                _ => return false,
            },
        }
        ask(service, target, false, turn);
        true
    }

    /// Prepares it although that was done: its sources changed. Running replicas go on meanwhile.
    pub(crate) fn renew(&mut self, service: &ServiceRef, target: &Target, turn: &mut Turn) {
        if let Some(entry) = self.entry(&target.definition)
            && let State::Asked { more, .. } = &mut entry.state
        {
            *more = true;
            return;
        }
        self.entries
            .retain(|entry| entry.definition != target.definition);
        self.remember(&target.definition, true);
        turn.note(
            NoteKind::Preparing,
            service,
            "watched files changed: prepared again".to_owned(),
        );
        ask(service, target, true, turn);
    }

    /// Forgets the oldest that are not in use.
    pub(crate) fn prune(&mut self, in_use: impl Fn(&Digest) -> bool) {
        let mut spare = self.entries.len().saturating_sub(REMEMBERED_MIN);
        self.entries.retain(|entry| {
            let keep = spare == 0 || in_use(&entry.definition);
            spare -= usize::from(!keep);
            keep
        });
    }

    /// What is done just now, for people; says whether that is news.
    pub(crate) fn doing(&mut self, definition: &Digest, doing: String) -> bool {
        match self.entry(definition) {
            Some(entry) if matches!(entry.state, State::Asked { .. }) && entry.doing != doing => {
                entry.doing = doing;
                true
            }
            _ => false,
        }
    }

    /// An answer: done, unless sources changed meanwhile.
    pub(crate) fn succeeded(&mut self, definition: &Digest, prepared: Prepared) -> Outcome {
        let Some(entry) = self.entry(definition) else {
            return Outcome::Unasked;
        };
        let State::Asked { again, more } = entry.state else {
            return Outcome::Unasked;
        };
        entry.state = State::Done(Arc::new(prepared));
        entry.failures = 0;
        match (again, more) {
            (_, true) => Outcome::Stale,
            (true, false) => Outcome::Renewed,
            (false, false) => Outcome::First,
        }
    }

    /// Could not be done; it is tried again after a pause. Says whether somebody waits for it.
    pub(crate) fn failed(
        &mut self,
        service: &ServiceRef,
        definition: &Digest,
        why: String,
        turn: &mut Turn,
    ) -> bool {
        let Some(entry) = self.entry(definition) else {
            return false;
        };
        if !matches!(entry.state, State::Asked { .. }) {
            return false;
        }
        entry.failures = entry.failures.saturating_add(1);
        let pause = prepare_pause(service.service.as_str(), entry.failures);
        let again_at = turn.now + pause;
        let next = span(pause);
        let words = match entry.failures {
            1 => format!("{why}; tried again in {next}"),
            many => format!("{why}; tried again in {next} ({} time)", nth(many)),
        };
        turn.note(NoteKind::Preparing, service, words);
        entry.state = State::Failed { why, again_at };
        true
    }

    /// When a failed preparation of this definition is tried again, should it be needed.
    pub(crate) fn wake(&self, definition: &Digest) -> Option<Time> {
        match self.of(definition)?.state {
            State::Failed { again_at, .. } => Some(again_at),
            State::Asked { .. } | State::Done(_) => None,
        }
    }

    fn entry(&mut self, definition: &Digest) -> Option<&mut Preparation> {
        self.entries
            .iter_mut()
            .find(|entry| entry.definition == *definition)
    }

    fn remember(&mut self, definition: &Digest, again: bool) {
        self.entries.push(Preparation {
            definition: definition.clone(),
            state: State::asked(again),
            failures: 0,
            doing: String::new(),
        });
    }
}

fn ask(service: &ServiceRef, target: &Target, again: bool, turn: &mut Turn) {
    turn.act(Action::Prepare {
        project: target.project.clone(),
        service: service.service.clone(),
        definition: target.definition.clone(),
        again,
    });
}
