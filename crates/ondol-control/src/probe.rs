use std::time::Duration;

use ondol_model::{Probe, ProbeResult, Time};

/// A question whose answer is so long overdue was lost on the way: it is asked again, and nobody is blamed.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// How long a replica that has not succeeded yet is asked at the fast pace, when its start period is shorter.
const EAGER: Duration = Duration::from_secs(30);
/// The pace after that.
const PATIENT: Duration = Duration::from_secs(1);
/// No probe is asked more often.
const PACE_MIN: Duration = Duration::from_millis(10);

/// What the answers to one probe amount to.
#[derive(Clone, Debug)]
pub(crate) struct Tracker {
    asked: Option<Time>,
    next: Time,
    successes: u32,
    pub(crate) failures: u32,
    /// The last failure that counted, or when counting began.
    counted: Time,
    /// It has succeeded since the replica started.
    pub(crate) passed: bool,
    pub(crate) verdict: Verdict,
    pub(crate) last: Option<ProbeResult>,
}

/// What is known from a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Unknown,
    Passing,
    Failed,
}

impl Tracker {
    /// For a replica that starts now.
    pub(crate) fn new(now: Time) -> Self {
        Tracker {
            asked: None,
            next: now,
            successes: 0,
            failures: 0,
            counted: now,
            passed: false,
            verdict: Verdict::Unknown,
            last: None,
        }
    }

    /// It is time to ask; remembers that it was.
    pub(crate) fn ask(&mut self, probe: &Probe, now: Time) -> bool {
        let due = self.due(probe) <= now;
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// When to ask next.
    pub(crate) fn due(&self, probe: &Probe) -> Time {
        match self.asked {
            Some(asked) => asked + probe.timeout + LOST_AFTER,
            None => self.next,
        }
    }

    /// An answer; one that nobody waits for changes nothing, and is not heard.
    ///
    /// Until the first success it is asked often, to see readiness soon, but a failure counts only once per
    /// `interval` and not during `start_period`: a program is judged at the pace its file asks for. After it every
    /// failure counts, as with Docker.
    pub(crate) fn hear(
        &mut self,
        probe: &Probe,
        result: ProbeResult,
        started: Time,
        now: Time,
    ) -> bool {
        if self.asked.take().is_none() {
            return false;
        }
        let age = now.since(started);
        if result.ok {
            self.successes = self.successes.saturating_add(1);
            self.failures = 0;
            if self.successes >= probe.successes_min {
                self.passed = true;
                self.verdict = Verdict::Passing;
            }
        } else {
            self.successes = 0;
            let due = now.since(self.counted) >= probe.interval;
            if self.passed || age >= probe.start_period && due {
                self.failures = self.failures.saturating_add(1);
                self.counted = now;
            }
            if self.failures >= probe.failures_max.max(1) {
                self.verdict = Verdict::Failed;
            }
        }
        self.last = Some(result);
        self.next = now + self.pace(probe, age).max(PACE_MIN);
        true
    }

    /// It was seen to hold without being asked; an answer that is still on its way is not waited for.
    pub(crate) fn seen(&mut self, saw: String) {
        self.asked = None;
        self.failures = 0;
        self.passed = true;
        self.verdict = Verdict::Passing;
        self.last = Some(ProbeResult { ok: true, saw });
    }

    /// How long until it is asked again.
    fn pace(&self, probe: &Probe, age: Duration) -> Duration {
        let eager = probe.start_interval.min(probe.interval);
        if self.passed {
            probe.interval
        } else if self.successes > 0 || age < EAGER.max(probe.start_period) {
            eager
        } else {
            probe.interval.min(eager.max(PATIENT))
        }
    }
}
