use std::time::Duration;

use ondol_model::{FailureAction, Rollout, Time};

use crate::target::Target;

/// A service on its way from one definition to another.
#[derive(Debug)]
pub(crate) struct Rolling {
    /// Back to the one before: `rollback_config` counts instead of `update_config`.
    pub(crate) back: bool,
    failures: u32,
    /// Why it failed and was left as it is.
    pub(crate) paused: Option<String>,
    /// That the new definition cannot be prepared has been counted.
    unprepared: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A batch may start.
    Open,
    /// A batch is under way.
    Batch,
    /// The next batch starts at this moment.
    Delay { until: Time },
    /// All are replaced; they are watched until this moment.
    Watch { until: Time },
}

/// How far the replicas are, as the rollout sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// New ones that are not ready yet.
    pub(crate) in_flight: u32,
    /// Old ones that are still there.
    pub(crate) old: u32,
    /// As many new ones as wanted are there, and all of them are ready or done.
    pub(crate) all_good: bool,
}

/// What a failure of a new replica leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tolerated.
    GoOn,
    /// Everything stays as it is.
    Pause,
    /// Back to the definition before.
    Back,
}

impl Rolling {
    pub(crate) fn new(back: bool) -> Self {
        Rolling {
            back,
            failures: 0,
            paused: None,
            unprepared: false,
            stage: Stage::Open,
        }
    }

    /// The part of the file that rules it.
    pub(crate) fn rules<'a>(&self, target: &'a Target) -> &'a Rollout {
        if self.back {
            &target.service.rollback
        } else {
            &target.service.update
        }
    }

    /// Replicas that may be under way at once just now.
    pub(crate) fn at_once(&self, rules: &Rollout) -> u32 {
        match self.stage {
            Stage::Open | Stage::Watch { .. } => parallelism(rules),
            // Without a pause between batches there are no batches: the next starts as soon as one is ready.
            Stage::Batch if rules.delay == Duration::ZERO => parallelism(rules),
            Stage::Batch | Stage::Delay { .. } => 0,
        }
    }

    /// Follows the replicas. `None` when it is over.
    pub(crate) fn step(&mut self, seen: Progress, rules: &Rollout, now: Time) -> Option<bool> {
        let next = match self.stage {
            _ if seen.old == 0 && seen.all_good => match self.stage {
                Stage::Watch { until } if until <= now => return None,
                Stage::Watch { until } => Stage::Watch { until },
                _ => Stage::Watch {
                    until: now + rules.monitor,
                },
            },
            Stage::Watch { until } => Stage::Watch { until },
            Stage::Open if seen.in_flight > 0 => Stage::Batch,
            Stage::Batch if seen.in_flight == 0 => Stage::Delay {
                until: now + rules.delay,
            },
            Stage::Delay { until } if until <= now => Stage::Open,
            same => same,
        };
        let changed = next != self.stage;
        self.stage = next;
        Some(changed)
    }

    pub(crate) fn wake(&self) -> Option<Time> {
        match self.stage {
            Stage::Delay { until } | Stage::Watch { until } => Some(until),
            Stage::Open | Stage::Batch => None,
        }
    }

    /// All are replaced and only watched.
    pub(crate) fn is_watching(&self) -> bool {
        matches!(self.stage, Stage::Watch { .. })
    }

    /// The new definition cannot be prepared; says whether that is news.
    pub(crate) fn blame_preparation(&mut self) -> bool {
        !std::mem::replace(&mut self.unprepared, true)
    }

    /// One of the new replicas failed.
    pub(crate) fn blame(&mut self, rules: &Rollout, count: u32) -> Verdict {
        if self.paused.is_some() {
            return Verdict::GoOn;
        }
        self.failures = self.failures.saturating_add(1);
        let failed = u64::from(self.failures) * 1000;
        if failed <= u64::from(rules.failure_ratio_milli_max) * u64::from(count.max(1)) {
            return Verdict::GoOn;
        }
        match rules.failure_action {
            FailureAction::Continue => Verdict::GoOn,
            FailureAction::Rollback if !self.back => Verdict::Back,
            FailureAction::Rollback | FailureAction::Pause => Verdict::Pause,
        }
    }
}

fn parallelism(rules: &Rollout) -> u32 {
    match rules.parallelism {
        0 => u32::MAX,
        some => some,
    }
}
