use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{DeployMode, Digest, Exit, Prepared, RunId, ServiceRef, Time};

use crate::NoteKind;
use crate::drain::Pace;
use crate::endpoints::Table;
use crate::initiate::Initiations;
use crate::prepare::{Outcome, Preparation, Preparations, State};
use crate::replace::Rolling;
use crate::replica::{Gate, Life, Replica, Step, Surroundings};
use crate::scale::Scaler;
use crate::target::Target;
use crate::turn::Turn;

mod regulate;
mod rollout;

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
    /// Somebody said how many.
    pub(crate) pinned: bool,
    /// How many by its load, where the file asks for that.
    pub(crate) scaler: Option<Scaler>,
    /// Ports that its last replica listened on before it fell asleep: they stay open.
    pub(crate) ports_asleep: Vec<u16>,
    /// Stopped on request.
    pub(crate) stopped: bool,
    /// Discard anonymous volumes with the replicas.
    pub(crate) volumes_too: bool,
    pub(crate) replicas: BTreeMap<u32, Replica>,
    pub(crate) preparations: Preparations,
    pub(crate) table: Table,
    /// The last generation given: the last start of all at that time, so that starts up to it are older.
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
            pinned: false,
            scaler: None,
            ports_asleep: Vec::new(),
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

    /// What it comes to is still open: replicas are replaced, or the new definition is on its trial. Replicas that
    /// were merely started again have no other definition to go back to, so nobody has to wait for their watch.
    pub(crate) fn is_undecided(&self) -> bool {
        let goal = self.goal.as_ref().map(|goal| &goal.definition);
        let other = |good: &Arc<Target>| goal != Some(&good.definition);
        self.rolling.as_ref().is_some_and(|rolling| {
            rolling.paused.is_some()
                || !rolling.is_watching()
                || self.good.as_ref().is_some_and(other)
        })
    }

    /// What it is moved to is being prepared, for the first time or again.
    pub(crate) fn preparing(&self) -> Option<&Preparation> {
        let preparation = self.preparations.of(&self.goal.as_ref()?.definition)?;
        matches!(preparation.state, State::Asked { .. }).then_some(preparation)
    }

    /// All its replicas were ready with its goal.
    pub(crate) fn is_good(&self) -> bool {
        match (&self.good, &self.goal) {
            (Some(good), Some(goal)) => self.rolling.is_none() && Arc::ptr_eq(good, goal),
            (_, None) => true,
            (None, Some(_)) => false,
        }
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
        let mut changed = self.look_at_load(turn);
        changed |= self.reconcile(sight, turn);
        changed |= self.table.publish(&self.name, &self.replicas, turn);
        changed |= self.prepare(turn);
        changed |= self.step_replicas(&sight.gate, turn);
        changed |= self.follow_rollout(turn);
        changed
    }

    /// When it has something to do without being told anything.
    pub(crate) fn wake(&self, now: Time) -> Option<Time> {
        let replicas = self.replicas.values().filter_map(Replica::wake).min();
        // One whose moment is past waits for its replicas: one more may have been asked for while it was watched.
        let rolling = self.rolling.as_ref().and_then(Rolling::wake);
        let rolling = rolling.filter(|at| *at > now);
        // When all have proved themselves, their definition is what a later one can be rolled back to.
        let proved = (!self.is_good()).then(|| {
            let proved = self.regulars().filter_map(Replica::proved_at);
            proved.filter(|at| *at > now).min()
        });
        let preparing = self
            .unprepared()
            .filter_map(|target| self.preparations.wake(&target.definition))
            .min();
        [
            replicas,
            rolling,
            proved.flatten(),
            preparing,
            self.scale_wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What some replica is, or will be, started from and cannot yet. The goal of a replacement is prepared before
    /// the first old replica makes way for it, and one that sleeps is woken without waiting for that.
    fn unprepared(&self) -> impl Iterator<Item = &Arc<Target>> {
        let coming = self.goal.iter();
        let coming = coming.filter(|_| self.is_replacing() || self.is_asleep());
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
        let mut initiations = Initiations::of(&self.replicas);
        let mut changed = false;
        let preparations = &self.preparations;
        self.replicas.retain(|_, replica| {
            let around = Surroundings {
                gate,
                prepared: preparations.done(&replica.definition),
                table,
                placed,
                initiation: initiations.next(replica),
            };
            let held = replica.held.is_some();
            let step = replica.step(&around, turn);
            placed += u32::from(!held && replica.held.is_some());
            if step == Step::Changed {
                initiations.see(replica);
            }
            changed |= step != Step::Same;
            step != Step::Gone
        });
        changed
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
        self.generation = turn.ids.run;
        self.refused = None;
        let target = Arc::new(Target {
            definition: wanted.definition.clone(),
            generation: self.generation,
            project: wanted.project.clone(),
            service: wanted.service.clone(),
        });
        self.move_to(target, turn);
        self.remember(turn);
    }

    /// Sets out for another target.
    pub(crate) fn move_to(&mut self, target: Arc<Target>, turn: &mut Turn) {
        let serves = self.regulars().any(Replica::serves);
        self.rolling = (serves || self.good.is_some()).then(|| Rolling::new(false));
        self.wanted = Some(target.clone());
        self.goal = Some(target);
        if self.refused.take().is_some() {
            self.remember(turn);
        }
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
