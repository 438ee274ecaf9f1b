use std::sync::Arc;

use ondol_model::{Phase, ReplicaId, Time, UpdateOrder};

use super::{ServiceState, Sight};
use crate::NoteKind;
use crate::drain::{Pace, Then};
use crate::reconcile::{Buckets, Standing, There, Wanted, diff};
use crate::replica::{Ending, Life, Replica, Step};
use crate::target::Target;
use crate::turn::Turn;

/// Brings the replicas that are there to those that are wanted.
impl ServiceState {
    pub(super) fn reconcile(&mut self, sight: &Sight, turn: &mut Turn) -> bool {
        let Some(goal) = self.goal.clone().filter(|_| !self.leaves()) else {
            return self.leave_all(sight.stop_held, turn);
        };
        let mut changed = self.revive(&goal, turn.now);
        let wanted = self.how(&goal, sight);
        let no_room = self.lacks_room(&goal, turn);
        let there = self
            .regulars()
            .map(|replica| see(replica, &goal, no_room, turn.now));
        let buckets = diff(wanted, there);
        changed |= buckets != Buckets::default();
        for number in buckets.in_place {
            if let Some(replica) = self.replicas.get_mut(&number) {
                replica.retarget(&goal, turn.now);
            }
        }
        for number in buckets.replace {
            let why = "its definition changed, and it served nobody";
            self.leave(
                number,
                Pace::Graceful,
                NoteKind::Replaced,
                why.to_owned(),
                turn,
            );
        }
        for number in buckets.stop {
            let (kind, why) = self.why_stopped(number, &goal);
            self.leave(number, Pace::Graceful, kind, why, turn);
        }
        for _ in 0..buckets.place {
            self.place(&goal, turn);
        }
        changed
    }

    fn how(&self, goal: &Target, sight: &Sight) -> Wanted {
        let (written, at_once, paused) = match &self.rolling {
            Some(rolling) => {
                let rules = rolling.rules(goal);
                (
                    rules.order,
                    rolling.at_once(rules),
                    rolling.paused.is_some(),
                )
            }
            None => (UpdateOrder::StartFirst, 1, false),
        };
        let order = goal.order(written);
        let unprepared = || self.preparations.done(&goal.definition).is_none();
        let held = sight.replace_held || order == UpdateOrder::StopFirst && unprepared();
        Wanted {
            count: self.count,
            order,
            at_once: if held { 0 } else { at_once },
            paused,
        }
    }

    /// One more replica does not fit now: what a waiting one was told may be out of date.
    fn lacks_room(&self, goal: &Target, turn: &Turn) -> bool {
        let max = goal.service.replicas_per_node_max;
        turn.room.shortage(goal.demand()).is_some() || max.is_some_and(|max| self.placed() >= max)
    }

    /// Replicas that take up room.
    pub(super) fn placed(&self) -> u32 {
        let placed = self
            .replicas
            .values()
            .filter(|replica| replica.held.is_some());
        u32::try_from(placed.count()).unwrap_or(u32::MAX)
    }

    fn why_stopped(&self, number: u32, goal: &Target) -> (NoteKind, String) {
        let old = self
            .replicas
            .get(&number)
            .is_some_and(|replica| !replica.is_of(goal));
        if old {
            (NoteKind::Replaced, "a new one took over".to_owned())
        } else {
            (NoteKind::Stopping, format!("only {} wanted", self.count))
        }
    }

    /// All of them go; while others have to go first, only those without a process.
    fn leave_all(&mut self, held: bool, turn: &mut Turn) -> bool {
        let (then, why) = match (&self.goal, self.stopped) {
            (Some(_), true) => (Then::Rest, "stopped on request"),
            (Some(_), false) if self.is_asleep() => (self.discard(), "nobody asks for it"),
            (Some(_), false) => (self.discard(), "none are wanted"),
            (None, _) => (self.discard(), "it is not wanted any more"),
        };
        // What sleeps is in nobody's way.
        let pace = match self.is_asleep() {
            true => Pace::Graceful,
            false => Pace::All,
        };
        let gone = self.goal.is_none();
        let numbers: Vec<u32> = self
            .replicas
            .iter()
            .filter(|(_, replica)| gone || !replica.once)
            .filter(|(_, replica)| !held || replica.run().is_none())
            .filter(|(_, replica)| !replica.is_discarded())
            .filter(|(_, replica)| then != Then::Rest || !matches!(replica.life, Life::Ended(_)))
            .map(|(number, _)| *number)
            .collect();
        self.rolling = None;
        let mut changed = false;
        for number in numbers {
            changed |=
                self.leave_then(number, then, pace, NoteKind::Stopping, why.to_owned(), turn);
        }
        changed
    }

    fn discard(&self) -> Then {
        Then::Discard {
            volumes: self.volumes_too || self.goal.is_some(),
        }
    }

    pub(super) fn leave(
        &mut self,
        number: u32,
        pace: Pace,
        kind: NoteKind,
        why: String,
        turn: &mut Turn,
    ) {
        let then = Then::Discard { volumes: true };
        self.leave_then(number, then, pace, kind, why, turn);
    }

    pub(crate) fn leave_then(
        &mut self,
        number: u32,
        then: Then,
        pace: Pace,
        kind: NoteKind,
        why: String,
        turn: &mut Turn,
    ) -> bool {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return false;
        };
        let step = replica.leave(then, pace, kind, why, turn);
        if step == Step::Gone {
            self.replicas.remove(&number);
        }
        step != Step::Same
    }

    /// Those that were stopped on request come back when that is taken back.
    fn revive(&mut self, goal: &Arc<Target>, now: Time) -> bool {
        let mut changed = false;
        for replica in self.replicas.values_mut().filter(|replica| !replica.once) {
            if matches!(replica.life, Life::Ended(Ending::Stopped)) && replica.is_of(goal) {
                replica.revive(goal, now);
                changed = true;
            }
        }
        changed
    }

    fn place(&mut self, goal: &Arc<Target>, turn: &mut Turn) {
        let number = (1..).find(|number| !self.replicas.contains_key(number));
        let Some(number) = number else { return };
        let id = ReplicaId {
            project: self.name.project.clone(),
            service: self.name.service.clone(),
            number,
        };
        let because = match &self.rolling {
            Some(rolling) if rolling.back => "takes over again: back to the definition before",
            Some(_) if self.regulars().all(|one| one.definition == goal.definition) => {
                "takes over: it was to be started again"
            }
            Some(_) => "takes over: the definition changed",
            None => "wanted",
        };
        let because = format!("{because} (1 of {})", self.count);
        let replica = Replica::planned(id, goal, because, turn.now);
        self.replicas.insert(number, replica);
    }
}

/// What a replica is good for, from where its service is going.
pub(super) fn see(replica: &Replica, goal: &Arc<Target>, no_room: bool, now: Time) -> There {
    let current = replica.is_of(goal);
    let proved = !current || replica.proved_at().is_none_or(|at| at <= now);
    let standing = match &replica.life {
        _ if replica.is_discarded() => Standing::Leaving,
        _ if replica.serves() && proved => Standing::Serving,
        Life::Ended(Ending::Done) => Standing::Done,
        _ if replica.blamed => Standing::Failing,
        Life::Planned {
            on: Some(Phase::Pending),
        } if no_room => Standing::Crowded,
        _ => Standing::Busy,
    };
    let follows = replica
        .target
        .as_ref()
        .is_some_and(|target| Arc::ptr_eq(target, goal));
    There {
        number: replica.id.number,
        current,
        untold: current && !follows && standing != Standing::Leaving,
        standing,
    }
}
