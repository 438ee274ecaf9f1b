use std::time::Duration;

use ondol_model::{ReplicaId, RunId, Service, Time};

use crate::running::Running;
use crate::span::span;
use crate::turn::Turn;
use crate::{Action, Hooked, NoteKind};

/// The proxy gets so long to say that it does not pick a replica any more. When it says nothing it is dead or not
/// there, and nothing flows through it.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(5);
/// What a replaced replica gets at least to finish what is in flight.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// The same when the whole service goes: someone waits for it, and nobody takes over.
const DRAIN_ALL_MAX: Duration = Duration::from_secs(2);
/// For a replica of which nothing is known any more.
const GRACE: Duration = Duration::from_secs(10);
/// A kill that is not answered is repeated.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// A replica on its way out. The order is always the same, and none is skipped for a replica that served:
/// not ready in the table - acknowledged - drained - `pre_stop` - stop signal - grace - kill - exited.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) run: RunId,
    /// What is known of its process; nothing yet when it leaves while being started.
    pub(crate) running: Option<Box<Running>>,
    pub(crate) step: Step,
    pub(crate) then: Then,
    drain_max: Duration,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its table is published without it; waits until that version is in use.
    Withdraw { version: Option<u64>, until: Time },
    /// Waits until nothing is in flight.
    Drain { until: Time },
    /// Runs its `pre_stop` hook of this index.
    PreStop { hook: usize, until: Time },
    /// Was told to end.
    Stop { kill_at: Time },
    /// Was killed.
    Kill { again_at: Time },
}

/// What follows when it is gone, weakest first: a stronger wish replaces a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Then {
    /// It is started again; whether it failed.
    Again { crash: bool },
    /// It stays where it is, stopped.
    Rest,
    /// It is discarded.
    Discard { volumes: bool },
}

/// Why it leaves, as far as that changes how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Others take over: what is in flight gets its time.
    Graceful,
    /// The whole service goes.
    All,
    /// It hangs: what is in flight would hang too.
    Hangs,
}

impl Leaving {
    /// `served` is whether the proxy may know it as ready.
    pub(crate) fn new(
        run: RunId,
        running: Option<Box<Running>>,
        pace: Pace,
        then: Then,
        service: Option<&Service>,
        now: Time,
    ) -> Self {
        let drain_max = match pace {
            Pace::Graceful => DRAIN_MAX.max(service.map_or(GRACE, |service| service.stop_grace)),
            Pace::All => DRAIN_ALL_MAX,
            Pace::Hangs => Duration::ZERO,
        };
        let step = match running {
            Some(_) => Step::Withdraw {
                version: None,
                until: now + ACKNOWLEDGE_MAX,
            },
            // It has never been in a table.
            None => Step::PreStop {
                hook: usize::MAX,
                until: now,
            },
        };
        Leaving {
            run,
            running,
            step,
            then,
            drain_max,
        }
    }

    /// Ended at once, without asking it.
    pub(crate) fn killed(
        id: &ReplicaId,
        run: RunId,
        running: Option<Box<Running>>,
        then: Then,
        turn: &mut Turn,
    ) -> Self {
        let mut leaving = Leaving {
            run,
            running,
            step: Step::Drain { until: turn.now },
            then,
            drain_max: Duration::ZERO,
        };
        leaving.kill(id, turn);
        leaving
    }

    pub(crate) fn drained(&mut self, now: Time) {
        if let Step::Drain { until } = &mut self.step {
            *until = now;
        }
    }

    pub(crate) fn hook_ended(&mut self, now: Time) {
        if let Step::PreStop { until, .. } = &mut self.step {
            *until = now;
        }
    }

    pub(crate) fn wake(&self) -> Time {
        match self.step {
            Step::Withdraw { until, .. } | Step::Drain { until } | Step::PreStop { until, .. } => {
                until
            }
            Step::Stop { kill_at } => kill_at,
            Step::Kill { again_at } => again_at,
        }
    }

    /// Takes the next step when it is due. `table` is the newest version published and the newest in use.
    pub(crate) fn step(
        &mut self,
        id: &ReplicaId,
        service: Option<&Service>,
        table: (u64, u64),
        turn: &mut Turn,
    ) -> bool {
        match self.step {
            Step::Withdraw {
                version: None,
                until,
            } => {
                self.step = Step::Withdraw {
                    version: Some(table.0),
                    until,
                };
            }
            Step::Withdraw {
                version: Some(version),
                until,
            } => {
                if table.1 < version && turn.now < until {
                    return false;
                }
                self.drain(id, turn);
            }
            Step::Drain { until } if until <= turn.now => self.pre_stop(id, 0, service, turn),
            Step::PreStop { hook, until } if until <= turn.now => {
                self.pre_stop(id, hook.saturating_add(1), service, turn);
            }
            Step::Stop { kill_at } if kill_at <= turn.now => self.give_up(id, service, turn),
            Step::Kill { again_at } if again_at <= turn.now => self.kill(id, turn),
            _ => return false,
        }
        true
    }

    fn drain(&mut self, id: &ReplicaId, turn: &mut Turn) {
        self.step = Step::Drain {
            until: turn.now + self.drain_max,
        };
        if self.drain_max > Duration::ZERO {
            turn.act(Action::AwaitDrained {
                replica: id.clone(),
                run: self.run,
            });
        }
    }

    fn pre_stop(
        &mut self,
        id: &ReplicaId,
        index: usize,
        service: Option<&Service>,
        turn: &mut Turn,
    ) {
        let Some(service) = service else {
            return self.stop(id, None, turn);
        };
        let Some(hook) = service.pre_stop.get(index) else {
            return self.stop(id, Some(service), turn);
        };
        self.step = Step::PreStop {
            hook: index,
            until: turn.now + service.stop_grace,
        };
        turn.act(Action::Hook {
            replica: id.clone(),
            run: self.run,
            when: Hooked::PreStop,
            hook: hook.clone(),
            timeout: service.stop_grace,
        });
    }

    fn stop(&mut self, id: &ReplicaId, service: Option<&Service>, turn: &mut Turn) {
        turn.act(Action::Signal {
            replica: id.clone(),
            run: self.run,
            signal: self.signal(service),
        });
        self.step = Step::Stop {
            kill_at: turn.now + grace(service),
        };
    }

    /// It was told to end and did not.
    fn give_up(&mut self, id: &ReplicaId, service: Option<&Service>, turn: &mut Turn) {
        let (signal, grace) = (self.signal(service), span(grace(service)));
        let why = format!("did not end within {grace} of {signal}, its grace is over: killed");
        turn.tell(NoteKind::Stopping, id, why);
        self.kill(id, turn);
    }

    fn signal(&self, service: Option<&Service>) -> String {
        let own = service.and_then(|service| service.stop_signal.clone());
        let of_image = || self.running.as_ref()?.prepared.stop_signal.clone();
        own.or_else(of_image)
            .unwrap_or_else(|| "SIGTERM".to_owned())
    }

    fn kill(&mut self, id: &ReplicaId, turn: &mut Turn) {
        turn.act(Action::Kill {
            replica: id.clone(),
            run: self.run,
        });
        self.step = Step::Kill {
            again_at: turn.now + KILL_AGAIN,
        };
    }
}

/// How long it has to end by itself.
fn grace(service: Option<&Service>) -> Duration {
    service.map_or(GRACE, |service| service.stop_grace)
}
