use std::fmt;

use ondol_model::Phase;
use serde::{Deserialize, Serialize};

use crate::replica::{Ending, Life, Replica};
use crate::service::ServiceState;

/// Where a service is: one word for all its replicas, and of several the one that people would look at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServicePhase {
    /// A replica does not fit on the machine.
    Pending,
    /// A replica waits for a dependency, or for another replica.
    Waiting,
    /// Its packages, sources or dependencies are being made available.
    Preparing,
    /// A replica runs and has not been ready yet.
    Starting,
    /// A replica fails its checks.
    Unready,
    /// A replica ended and is started again after a pause.
    Crashed,
    /// A replica ended and is not started again.
    Failed,
    /// Replicas are replaced by ones of a newer definition.
    Replacing,
    /// All that are wanted are sent traffic.
    Ready,
    /// Replicas leave.
    Stopping,
    /// None runs until somebody asks for it.
    Asleep,
    /// None runs, as was asked.
    Stopped,
    /// It has done its work, or none are wanted.
    Done,
}

impl ServicePhase {
    pub(super) fn of(state: &ServiceState, settled: bool, failed: bool) -> Self {
        if state.leaves() {
            return match (settled, state.stopped) {
                (false, _) => ServicePhase::Stopping,
                (true, true) => ServicePhase::Stopped,
                (true, false) if state.is_asleep() => ServicePhase::Asleep,
                (true, false) => ServicePhase::Done,
            };
        }
        let regulars = || state.regulars();
        let ended = |how| move |replica: &Replica| matches!(replica.life, Life::Ended(ending) if ending == how);
        if regulars().any(ended(Ending::GaveUp)) {
            return ServicePhase::Failed;
        }
        if settled && regulars().all(ended(Ending::Done)) {
            return ServicePhase::Done;
        }
        if state.is_replacing() {
            return ServicePhase::Replacing;
        }
        let worst = regulars()
            .filter(|replica| !replica.is_discarded())
            .map(Replica::phase)
            .min_by_key(|phase| urgency(*phase));
        match worst {
            Some(Phase::Ready | Phase::Ended) | None if state.preparing().is_some() => {
                ServicePhase::Preparing
            }
            Some(Phase::Starting) if failed => ServicePhase::Unready,
            Some(phase) => phase.into(),
            None => ServicePhase::Done,
        }
    }

    /// The word shown to people.
    pub fn word(self) -> &'static str {
        match self {
            ServicePhase::Pending => "pending",
            ServicePhase::Waiting => "waiting",
            ServicePhase::Preparing => "preparing",
            ServicePhase::Starting => "starting",
            ServicePhase::Unready => "unready",
            ServicePhase::Crashed => "crashed",
            ServicePhase::Failed => "failed",
            ServicePhase::Replacing => "replacing",
            ServicePhase::Ready => "ready",
            ServicePhase::Stopping => "stopping",
            ServicePhase::Asleep => "asleep",
            ServicePhase::Stopped => "stopped",
            ServicePhase::Done => "done",
        }
    }
}

impl From<Phase> for ServicePhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Pending => ServicePhase::Pending,
            Phase::Waiting => ServicePhase::Waiting,
            Phase::Preparing => ServicePhase::Preparing,
            Phase::Starting => ServicePhase::Starting,
            Phase::Ready => ServicePhase::Ready,
            Phase::Unready => ServicePhase::Unready,
            Phase::Backoff => ServicePhase::Crashed,
            Phase::Draining | Phase::Stopping => ServicePhase::Stopping,
            Phase::Ended => ServicePhase::Done,
        }
    }
}

impl fmt::Display for ServicePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Which phase stands for the service when its replicas are in several: the one that people would look at first.
/// One that has ended says nothing about those that have not.
pub(super) fn urgency(phase: Phase) -> u8 {
    match phase {
        Phase::Backoff => 0,
        Phase::Unready => 1,
        Phase::Pending => 2,
        Phase::Preparing => 3,
        Phase::Waiting => 4,
        Phase::Starting => 5,
        Phase::Stopping => 6,
        Phase::Draining => 7,
        Phase::Ready => 8,
        Phase::Ended => 9,
    }
}
