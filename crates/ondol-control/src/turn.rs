use std::collections::VecDeque;

use ondol_model::{ReplicaId, RunId, ServiceRef, Time};

use crate::place::Room;
use crate::{Action, Note, NoteKind};

/// One turn of the machine: the moment it happens, where its actions go, and what all projects share.
pub(crate) struct Turn<'a> {
    pub(crate) now: Time,
    pub(crate) out: &'a mut VecDeque<Action>,
    pub(crate) room: &'a mut Room,
    pub(crate) ids: &'a mut Ids,
}

/// Numbers that are given once and never again.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// The last start.
    pub(crate) run: u64,
    /// The last version of any endpoint table.
    pub(crate) table: u64,
}

impl Ids {
    pub(crate) fn run(&mut self) -> RunId {
        self.run += 1;
        RunId(self.run)
    }

    pub(crate) fn table(&mut self) -> u64 {
        self.table += 1;
        self.table
    }
}

impl Turn<'_> {
    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    /// A decision about a service.
    pub(crate) fn note(&mut self, kind: NoteKind, service: &ServiceRef, why: String) {
        self.act(Action::Note(Note {
            kind,
            service: service.clone(),
            replica: None,
            why,
        }));
    }

    /// A decision about a replica.
    pub(crate) fn tell(&mut self, kind: NoteKind, replica: &ReplicaId, why: String) {
        self.act(Action::Note(Note {
            kind,
            service: replica.service_ref(),
            replica: Some(replica.clone()),
            why,
        }));
    }
}
