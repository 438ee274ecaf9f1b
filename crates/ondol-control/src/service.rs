use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{
    DeployMode, Digest, Exit, Phase, Prepared, ReplicaId, RunId, ServiceRef, Time, UpdateOrder,
};

use crate::NoteKind;
use crate::drain::{Pace, Then};
use crate::endpoints::Table;
use crate::prepare::{Outcome, Preparations};
use crate::probe::Verdict as ProbeVerdict;
use crate::reconcile::{Buckets, Standing, There, Wanted, diff};
use crate::replace::{Progress, Rolling, Verdict};
use crate::replica::{Ending, Gate, Life, Replica, Step, Surroundings};
use crate::running::Stage;
use crate::target::Target;
use crate::turn::Turn;

/// A service: what is wanted of it, and its replicas.
#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) name: ServiceRef,
    /// What the files say; `None` when nobody wants it any more.
    pub(crate) wanted: Option<Arc<Target>>,
    /// What its replicas are moved to: what is wanted, or what it was rolled back to.
    pub(crate) goal: Option<Arc<Target>>,
    /// The last target that all replicas were ready with.
    pub(crate) good: Option<Arc<Target>>,
    /// Why what is wanted was taken back. It is not tried again until somebody asks.
    pub(crate) refused: Option<String>,
    pub(crate) rolling: Option<Rolling>,
    pub(crate) count: u32,
    /// Stopped on request.
    pub(crate) stopped: bool,
    /// Discard anonymous volumes with the replicas.
    pub(crate) volumes_too: bool,
    pub(crate) replicas: BTreeMap<u32, Replica>,
    pub(crate) preparations: Preparations,
    pub(crate) table: Table,
    /// The highest generation given.
    pub(crate) generation: u64,
    /// What others are told once: it had a ready replica at the end of the last turn.
    pub(crate) was_ready: bool,
    /// A replacement came to its end: dependents with `restart: true` follow.
    pub(crate) replaced: bool,
}

/// What a service sees of the others when it takes its turn.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    pub(crate) gate: Gate,
    /// Services that depend on it leave first.
    pub(crate) stop_held: bool,
    /// A service it depends on is replaced first.
    pub(crate) replace_held: bool,
}

impl ServiceState {
    pub(crate) fn new(name: ServiceRef) -> Self {
        ServiceState {
            name,
            wanted: None,
            goal: None,
            good: None,
            refused: None,
            rolling: None,
            count: 0,
            stopped: false,
            volumes_too: false,
            replicas: BTreeMap::new(),
            preparations: Preparations::default(),
            table: Table::default(),
            generation: 0,
            was_ready: false,
            replaced: false,
        }
    }

    /// What it was started from, also when nobody wants it any more.
    pub(crate) fn last_target(&self) -> Option<&Arc<Target>> {
        let of_replicas = || {
            self.replicas
                .values()
                .find_map(|replica| replica.target.as_ref())
        };
        self.goal.as_ref().or_else(of_replicas)
    }

    /// None of its replicas is to stay.
    pub(crate) fn leaves(&self) -> bool {
        self.goal.is_none() || self.stopped || self.count == 0
    }

    /// It runs to an end.
    pub(crate) fn is_job(&self) -> bool {
        let goal = self.goal.as_ref();
        goal.is_some_and(|goal| goal.service.mode == DeployMode::Job)
    }

    /// Some process of it is there.
    pub(crate) fn is_there(&self) -> bool {
        self.replicas
            .values()
            .any(|replica| replica.run().is_some())
    }

    /// Nothing is left of it, and the proxy has been told.
    pub(crate) fn is_gone(&self) -> bool {
        self.goal.is_none() && self.replicas.is_empty() && self.table.endpoints.is_empty()
    }

    /// A replacement is under way and has not been given up.
    pub(crate) fn is_replacing(&self) -> bool {
        self.rolling
            .as_ref()
            .is_some_and(|rolling| rolling.paused.is_none() && !rolling.is_watching())
    }

    /// Its replicas beside one-offs.
    pub(crate) fn regulars(&self) -> impl DoubleEndedIterator<Item = &Replica> + Clone {
        self.replicas.values().filter(|replica| !replica.once)
    }

    /// Replicas that may be sent traffic.
    pub(crate) fn ready(&self) -> u32 {
        let serving = self.regulars().filter(|replica| replica.serves());
        u32::try_from(serving.count()).unwrap_or(u32::MAX)
    }

    /// Takes every step that is due; says whether anything changed.
    pub(crate) fn advance(&mut self, sight: &Sight, turn: &mut Turn) -> bool {
        let mut changed = self.reconcile(sight, turn);
        changed |= self.table.publish(&self.name, &self.replicas, turn);
        changed |= self.prepare(turn);
        changed |= self.step_replicas(&sight.gate, turn);
        changed |= self.follow_rollout(turn);
        changed
    }

    /// When it has something to do without being told anything.
    pub(crate) fn wake(&self, now: Time) -> Option<Time> {
        let replicas = self.replicas.values().filter_map(Replica::wake).min();
        let rolling = self.rolling.as_ref().and_then(Rolling::wake);
        let proved = self.rolling.as_ref().and_then(|_| {
            let proved = self.regulars().filter_map(Replica::proved_at);
            proved.filter(|at| *at > now).min()
        });
        let preparing = self
            .unprepared()
            .filter_map(|target| self.preparations.wake(&target.definition))
            .min();
        [replicas, rolling, proved, preparing]
            .into_iter()
            .flatten()
            .min()
    }

    fn reconcile(&mut self, sight: &Sight, turn: &mut Turn) -> bool {
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
    fn placed(&self) -> u32 {
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
            (Some(_), false) => (self.discard(), "none are wanted"),
            (None, _) => (self.discard(), "it is not wanted any more"),
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
            changed |= self.leave_then(
                number,
                then,
                Pace::All,
                NoteKind::Stopping,
                why.to_owned(),
                turn,
            );
        }
        changed
    }

    fn discard(&self) -> Then {
        Then::Discard {
            volumes: self.volumes_too || self.goal.is_some(),
        }
    }

    fn leave(&mut self, number: u32, pace: Pace, kind: NoteKind, why: String, turn: &mut Turn) {
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
            Some(_) => "takes over: the definition changed",
            None => "wanted",
        };
        let because = format!("{because} (1 of {})", self.count);
        let replica = Replica::planned(id, goal, because, turn.now);
        self.replicas.insert(number, replica);
    }

    /// What some replica is, or will be, started from and cannot yet. The goal of a replacement is prepared before
    /// the first old replica makes way for it.
    fn unprepared(&self) -> impl Iterator<Item = &Arc<Target>> {
        let coming = self.goal.iter().filter(|_| self.is_replacing());
        self.replicas
            .values()
            .filter(|replica| matches!(replica.life, Life::Planned { .. }))
            .filter_map(|replica| replica.target.as_ref())
            .chain(coming)
            .filter(|target| self.preparations.done(&target.definition).is_none())
    }

    fn prepare(&mut self, turn: &mut Turn) -> bool {
        let targets: Vec<_> = self.unprepared().cloned().collect();
        let mut changed = false;
        for target in targets {
            changed |= self.preparations.need(&self.name, &target, turn);
        }
        if changed {
            let targets = self.goal.iter().chain(&self.good).chain(&self.wanted);
            let in_use = |definition: &Digest| {
                let replicas = || self.replicas.values().map(|replica| &replica.definition);
                targets
                    .clone()
                    .any(|target| target.definition == *definition)
                    || replicas().any(|other| other == definition)
            };
            self.preparations.prune(in_use);
        }
        changed
    }

    fn step_replicas(&mut self, gate: &Gate, turn: &mut Turn) -> bool {
        let table = (self.table.version, self.table.acknowledged);
        let placed = self
            .replicas
            .values()
            .filter(|replica| replica.held.is_some());
        let mut placed = u32::try_from(placed.count()).unwrap_or(u32::MAX);
        let mut changed = false;
        let preparations = &self.preparations;
        self.replicas.retain(|_, replica| {
            let around = Surroundings {
                gate,
                prepared: preparations.done(&replica.definition),
                table,
                placed,
            };
            let held = replica.held.is_some();
            let step = replica.step(&around, turn);
            placed += u32::from(!held && replica.held.is_some());
            changed |= step != Step::Same;
            step != Step::Gone
        });
        changed
    }

    fn follow_rollout(&mut self, turn: &mut Turn) -> bool {
        let Some(goal) = self.goal.clone() else {
            return false;
        };
        let seen = self.progress(&goal, turn.now);
        let settled = seen.old == 0 && seen.all_good;
        let Some(rolling) = &mut self.rolling else {
            if settled
                && !self
                    .good
                    .as_ref()
                    .is_some_and(|good| Arc::ptr_eq(good, &goal))
            {
                self.good = Some(goal);
            }
            return false;
        };
        if settled {
            rolling.paused = None;
        }
        let rules = rolling.rules(&goal);
        if let Some(changed) = rolling.step(seen, rules, turn.now) {
            return self.blame_the_silent(&goal, turn) || changed;
        }
        let words = if rolling.back { "back" } else { "replaced" };
        let watched = crate::span::span(rules.monitor);
        turn.note(
            NoteKind::Replaced,
            &self.name,
            format!("{words}: all are ready, and none failed in {watched}"),
        );
        self.rolling = None;
        self.good = Some(goal);
        self.replaced = true;
        true
    }

    fn progress(&self, goal: &Arc<Target>, now: Time) -> Progress {
        let mut seen = Progress {
            in_flight: 0,
            old: 0,
            all_good: true,
        };
        let mut current = 0;
        for replica in self.regulars().filter(|replica| !replica.is_discarded()) {
            let there = see(replica, goal, true, now);
            if !there.current {
                seen.old += 1;
                continue;
            }
            current += 1;
            match there.standing {
                Standing::Serving | Standing::Done => {}
                Standing::Busy | Standing::Crowded => {
                    seen.in_flight += 1;
                    seen.all_good = false;
                }
                Standing::Failing | Standing::Leaving => seen.all_good = false,
            }
        }
        seen.all_good &= current == self.count;
        seen
    }

    /// A new replica can fail without ending: its probes say no for good, or its preparation cannot be done.
    fn blame_the_silent(&mut self, goal: &Arc<Target>, turn: &mut Turn) -> bool {
        if let Some(why) = self.preparations.failure(&goal.definition)
            && self
                .rolling
                .as_mut()
                .is_some_and(Rolling::blame_preparation)
        {
            let why = format!("it could not be prepared: {why}");
            return self.blame(&why, turn);
        }
        let silent = self.replicas.values_mut().find(|replica| {
            !replica.blamed && replica.is_of(goal) && {
                matches!(&replica.life, Life::Running(running)
                    if running.stage != Stage::Ready && running.ready.verdict == ProbeVerdict::Failed)
            }
        });
        let Some(replica) = silent else {
            return false;
        };
        replica.blamed = true;
        let saw = replica
            .running()
            .and_then(|running| running.ready.last.as_ref())
            .map_or("nothing", |last| &last.saw);
        let why = format!("{} did not become ready, its probe saw: {saw}", replica.id);
        self.blame(&why, turn);
        true
    }

    /// A failure of the new definition; goes back, pauses or tolerates it, as the file says.
    fn blame(&mut self, why: &str, turn: &mut Turn) -> bool {
        let (Some(rolling), Some(goal)) = (&mut self.rolling, &self.goal) else {
            return false;
        };
        let rules = rolling.rules(goal);
        match (rolling.blame(rules, self.count), &self.good) {
            (Verdict::GoOn, _) => false,
            (Verdict::Back, Some(good)) if !good.same_start(goal) => {
                let good = good.clone();
                self.refused = Some(why.to_owned());
                let words = format!("{why}; back to the definition before");
                turn.note(NoteKind::RolledBack, &self.name, words);
                self.goal = Some(good);
                self.rolling = Some(Rolling::new(true));
                true
            }
            (Verdict::Back | Verdict::Pause, _) => {
                rolling.paused = Some(why.to_owned());
                turn.note(
                    NoteKind::Waiting,
                    &self.name,
                    format!("{why}; the replacement pauses, and what serves goes on serving"),
                );
                true
            }
        }
    }

    /// A replica's process ended.
    pub(crate) fn exited(&mut self, number: u32, run: RunId, exit: Exit, turn: &mut Turn) -> bool {
        let Some(replica) = self.replicas.get_mut(&number) else {
            return false;
        };
        let asked = matches!(replica.life, Life::Leaving(_));
        let failed = !exit.is_success();
        let words = format!("{}: {exit}", replica.id);
        match replica.exited(run, exit, turn) {
            Step::Same => return false,
            Step::Gone => {
                self.replicas.remove(&number);
                return true;
            }
            Step::Changed if replica.forgotten => {
                self.leave(
                    number,
                    Pace::Graceful,
                    NoteKind::Ended,
                    "nobody waits for it".to_owned(),
                    turn,
                );
                return true;
            }
            Step::Changed => {}
        }
        let is_new = self.goal.as_ref().is_some_and(|goal| replica.is_of(goal));
        if failed && !asked && is_new && !replica.once && !replica.blamed && self.rolling.is_some()
        {
            replica.blamed = true;
            self.blame(&words, turn);
        }
        true
    }

    /// A preparation ended well.
    pub(crate) fn prepared(
        &mut self,
        definition: &Digest,
        prepared: Prepared,
        turn: &mut Turn,
    ) -> bool {
        let outcome = self.preparations.succeeded(definition, prepared);
        match (outcome, self.goal.clone()) {
            (Outcome::Unasked, _) => return false,
            (Outcome::Stale, Some(goal)) => self.preparations.renew(&self.name, &goal, turn),
            (Outcome::Renewed, Some(_)) => self.renew("its sources changed", turn),
            (Outcome::First | Outcome::Stale | Outcome::Renewed, _) => {}
        }
        true
    }

    /// Replaces every replica by a new start of what is wanted, also when that was refused before.
    pub(crate) fn renew(&mut self, why: &str, turn: &mut Turn) {
        let Some(wanted) = &self.wanted else { return };
        turn.note(
            NoteKind::Changed,
            &self.name,
            format!("{why}: replaced one by one"),
        );
        self.generation += 1;
        let target = Arc::new(Target {
            definition: wanted.definition.clone(),
            generation: self.generation,
            project: wanted.project.clone(),
            service: wanted.service.clone(),
        });
        self.move_to(target);
    }

    /// Sets out for another target.
    pub(crate) fn move_to(&mut self, target: Arc<Target>) {
        let serves = self.regulars().any(Replica::serves);
        self.rolling = (serves || self.good.is_some()).then(|| Rolling::new(false));
        self.refused = None;
        self.wanted = Some(target.clone());
        self.goal = Some(target);
        for replica in self.replicas.values_mut() {
            replica.blamed = false;
        }
    }

    /// Ends the pauses of replicas that crash, because what they crash for may have changed.
    pub(crate) fn retry(&mut self, why: &str, turn: &mut Turn) -> bool {
        let mut changed = false;
        for replica in self.replicas.values_mut() {
            changed |= replica.retry(why, turn);
        }
        changed
    }
}

fn see(replica: &Replica, goal: &Arc<Target>, no_room: bool, now: Time) -> There {
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
        outdated_words: current && !follows && standing != Standing::Leaving,
        standing,
    }
}
