use ondol_model::{Autoscale, LoadReading, ServiceRef, Time};

use super::{ScaleDecision, Scaler, ScalingView, Staff, next};
use crate::clock::Clock;
use crate::job::copies;
use crate::replica::Replica;
use crate::service::ServiceState;
use crate::target::Target;
use crate::turn::Turn;
use crate::{Action, NoteKind, Wish};

/// How many replicas a service has: what somebody said, else what its load asks for, else what its file says.
impl ServiceState {
    /// Follows a wish.
    pub(crate) fn scale_to(&mut self, wish: &Wish, fresh: &Target, turn: &mut Turn) {
        let said = wish.scale.get(&self.name.service).copied();
        let rules = fresh.service.autoscale.as_ref();
        let written = copies(&fresh.service);
        let count = match (said, rules, &self.scaler) {
            (Some(said), ..) => said,
            (None, Some(rules), Some(_)) if !self.pinned => within(rules, self.count),
            (None, Some(rules), _) => {
                let before = if self.pinned { self.count } else { written };
                within(rules, before)
            }
            (None, None, _) => written,
        };
        self.pinned = said.is_some();
        if count != self.count && self.wanted.is_some() {
            let why = format!("{count} instead of {}", self.count);
            turn.note(NoteKind::Scaled, &self.name, why);
        }
        match rules {
            None => self.scaler = None,
            Some(_) if self.scaler.is_none() || count != self.count => {
                self.scaler = Some(Scaler::new(count, turn.now));
            }
            Some(_) => {}
        }
        self.count = count;
        self.stopped = wish.stopped.contains(&self.name.service);
    }

    /// None runs because nobody asked for it; the first who does is waited for.
    pub(crate) fn is_asleep(&self) -> bool {
        self.count == 0 && self.rules().is_some()
    }

    /// Takes up how many an earlier node had come to.
    pub(crate) fn recall_scale(&mut self, count: Option<u32>, ports: Vec<u16>, now: Time) {
        let (Some(rules), Some(count)) = (self.rules(), count) else {
            return;
        };
        self.count = within(rules, count);
        self.ports_asleep = ports;
        self.scaler = Some(Scaler::new(self.count, now));
    }

    /// How many another node should begin with.
    pub(crate) fn scale_to_remember(&self) -> Option<u32> {
        self.rules().map(|_| self.count)
    }

    /// When the next look at the load is due.
    pub(crate) fn scale_wake(&self) -> Option<Time> {
        self.watched().map(|scaler| scaler.next)
    }

    /// Asks how much there is to do, when that is due.
    pub(crate) fn look_at_load(&mut self, turn: &mut Turn) -> bool {
        let due = self.scale_wake().is_some_and(|next| next <= turn.now);
        let (true, Some(queries)) = (due, self.rules().map(queries)) else {
            return false;
        };
        if let Some(scaler) = &mut self.scaler {
            scaler.next = next(turn.now);
            scaler.asked = true;
        }
        let service = self.name.clone();
        let replicas = self.regulars().filter_map(|replica| {
            let running = replica.running()?;
            Some((replica.id.clone(), running.run))
        });
        let replicas = replicas.collect();
        turn.act(Action::Measure {
            service,
            replicas,
            queries,
        });
        true
    }

    /// This is how much there is to do.
    pub(crate) fn measured(&mut self, reading: &LoadReading, turn: &mut Turn) -> bool {
        let staff = self.staff();
        let (Some(goal), true) = (self.goal.clone(), self.watched().is_some()) else {
            return false;
        };
        let (Some(scaler), Some(rules)) = (&mut self.scaler, &goal.service.autoscale) else {
            return false;
        };
        if !std::mem::take(&mut scaler.asked) {
            return false;
        }
        let before = scaler.missing();
        let decision = scaler.decide(&goal.service, rules, &staff, reading, turn.now);
        scaler.keep(&decision, turn.now);
        if scaler.missing() != before {
            note_missing(&self.name, &decision, turn);
        }
        self.follow(&decision, turn);
        true
    }

    /// A request waits for it, and none of its replicas runs.
    pub(crate) fn awaited(&mut self, turn: &mut Turn) -> bool {
        let Some(scaler) = self.scaler.as_mut().filter(|_| self.count == 0) else {
            return false;
        };
        if self.pinned || self.stopped || self.goal.is_none() {
            return false;
        }
        scaler.busy = turn.now;
        scaler.next = next(turn.now);
        let decision = ScaleDecision {
            at: turn.now,
            from: 0,
            to: 1,
            figures: Vec::new(),
            why: "a request came".to_owned(),
        };
        scaler.keep(&decision, turn.now);
        self.follow(&decision, turn);
        true
    }

    /// What readers see of it.
    pub(crate) fn scaling(&self, clock: &Clock) -> Option<ScalingView> {
        let rules = self.goal.as_ref()?.service.autoscale.as_ref()?;
        let scaler = self.scaler.as_ref()?;
        let outer = |decision: &ScaleDecision| ScaleDecision {
            at: clock.outer(decision.at),
            ..decision.clone()
        };
        Some(ScalingView {
            min: rules.min,
            max: rules.max,
            asleep: self.is_asleep(),
            pinned: self.pinned,
            last: scaler.last.as_ref().map(outer),
            changes: scaler.changes.iter().map(outer).collect(),
        })
    }

    fn follow(&mut self, decision: &ScaleDecision, turn: &mut Turn) {
        if decision.to == decision.from {
            return;
        }
        let (from, to, why) = (decision.from, decision.to, &decision.why);
        turn.note(
            NoteKind::Scaled,
            &self.name,
            format!("{to} instead of {from}: {why}"),
        );
        if to == 0 {
            let running = self.regulars().find_map(Replica::running);
            self.ports_asleep = running.map_or(Vec::new(), |running| running.listening.clone());
        }
        self.count = to;
        self.remember(turn);
    }

    /// The rules that it follows now.
    fn rules(&self) -> Option<&Autoscale> {
        let goal = self
            .goal
            .as_ref()
            .filter(|_| !self.pinned && !self.stopped)?;
        goal.service.autoscale.as_ref()
    }

    /// Its load is looked at. While it sleeps nothing can be seen but what queries say.
    fn watched(&self) -> Option<&Scaler> {
        let rules = self.rules()?;
        let awake = self.count > 0 || rules.queries().next().is_some();
        self.scaler.as_ref().filter(|_| awake)
    }

    fn staff(&self) -> Staff {
        let mut staff = Staff {
            current: self.count,
            ..Staff::default()
        };
        for replica in self.regulars().filter(|replica| !replica.is_discarded()) {
            let running = replica.running().filter(|_| replica.serves());
            match running.and_then(|running| Some((running.run, running.ready_since?))) {
                Some((run, since)) => drop(staff.ready.insert(run, since)),
                None => staff.unready += 1,
            }
        }
        staff
    }
}

fn queries(rules: &Autoscale) -> Vec<String> {
    rules.queries().cloned().collect()
}

fn within(rules: &Autoscale, count: u32) -> u32 {
    count.clamp(rules.min, rules.max.max(rules.min))
}

fn note_missing(service: &ServiceRef, decision: &ScaleDecision, turn: &mut Turn) {
    let missing = decision.figures.iter().find_map(|figure| {
        let why = figure.missing.as_ref()?;
        Some((&figure.name, why))
    });
    let words = match missing {
        Some((name, why)) => {
            format!("{name} is not known: {why}; no replica goes while that is so")
        }
        None => "every figure is known again".to_owned(),
    };
    turn.note(NoteKind::Scaled, service, words);
}

impl Scaler {
    /// The figures that were not known last.
    fn missing(&self) -> Vec<String> {
        let last = self.last.iter().flat_map(|last| &last.figures);
        let missing = last.filter(|figure| figure.missing.is_some());
        missing.map(|figure| figure.name.clone()).collect()
    }
}
