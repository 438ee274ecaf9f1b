//! `pre_start` steps for a service as a whole: done once for all replicas of a start, by the first of them
//! (Compose specification, "pre_start": not for a replica more, not for one that is restarted).
//!
//! They were done when a replica of that start has run. Whoever began with them goes on with them, also after a
//! failure and its pause: otherwise each replica would try what fails for all.

use std::collections::BTreeMap;

use ondol_model::Digest;

use crate::replica::{Life, Replica};

/// What the others wait for, in words.
pub(crate) const AWAITED: &str = "waits for the replica that runs the pre_start steps";

/// What a replica has to do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initiation {
    /// There are none, or they were done.
    Done,
    /// It does them.
    Mine,
    /// Another one does them.
    Awaited,
}

/// How far the starts of a service are with them; empty for a service that has none.
#[derive(Debug, Default)]
pub(crate) struct Initiations {
    /// What replicas have run as.
    done: Vec<(Digest, u64)>,
    begun: Vec<Begun>,
}

/// A replica that does them, or will do them again.
#[derive(Debug)]
struct Begun {
    number: u32,
    start: (Digest, u64),
    /// Just now: nobody else may, whatever they are started from.
    at_it: bool,
}

impl Initiations {
    pub(crate) fn of(replicas: &BTreeMap<u32, Replica>) -> Self {
        let mut seen = Initiations::default();
        for replica in replicas.values() {
            seen.see(replica);
        }
        seen
    }

    /// Takes into account where a replica is now.
    pub(crate) fn see(&mut self, replica: &Replica) {
        if wanted(replica).is_none() {
            return;
        }
        // A survivor may have been started from something else than what it is to be replaced by.
        let start = (replica.definition.clone(), replica.generation);
        if replica.initiated {
            self.done.push(start);
        } else if replica.initiates && !matches!(replica.life, Life::Ended(_)) {
            self.begun.push(Begun {
                number: replica.id.number,
                start,
                at_it: replica.run().is_some(),
            });
        }
    }

    /// What the next start of a replica has to do with them. One-offs leave them to the service.
    pub(crate) fn next(&self, replica: &Replica) -> Initiation {
        let Some(start) = wanted(replica).filter(|start| !self.done.contains(start)) else {
            return Initiation::Done;
        };
        let is_before = |other: &Begun| {
            other.number != replica.id.number && (other.at_it || other.start == start)
        };
        match self.begun.iter().any(is_before) {
            true => Initiation::Awaited,
            false => Initiation::Mine,
        }
    }
}

/// What a replica is started from next, when there is something to do before.
fn wanted(replica: &Replica) -> Option<(Digest, u64)> {
    let target = replica.target.as_ref().filter(|_| !replica.once)?;
    let mut steps = target.service.pre_start.iter();
    let asked = steps.any(|step| !step.per_replica);
    asked.then(|| (target.definition.clone(), target.generation))
}
