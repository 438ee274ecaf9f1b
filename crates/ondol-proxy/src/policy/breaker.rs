use ondol_model::{Breaker as Rule, Time, Trip};

use super::window::Tally;

/// Stops asking something that fails, and finds out carefully whether it works again.
///
/// It counts nothing itself while it is closed: how many requests failed lately is told to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    state: State,
    /// When it last closed: what failed before that no longer counts.
    closed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Time,
        tripped: Tally,
    },
    /// `asked` requests were let through, of which `answered` succeeded.
    HalfOpen {
        asked: u32,
        answered: u32,
        since: Time,
        tripped: Tally,
    },
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Go, and count.
    Ordinary,
    /// Go; what becomes of it decides.
    Probe,
    /// Do not go.
    Refused,
}

/// What others see of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    Closed,
    Open { until: Time, tripped: Tally },
    HalfOpen { tripped: Tally },
}

impl Breaker {
    pub(crate) const fn new() -> Self {
        Breaker {
            state: State::Closed,
            closed_at: Time::ZERO,
        }
    }

    /// Failures before this moment do not count.
    pub(crate) fn counts_since(&self) -> Time {
        self.closed_at
    }

    /// Hears how many requests succeeded and failed in the window that ends now. Whether it opened because of that.
    pub(crate) fn judge(&mut self, tally: Tally, rule: &Rule, now: Time) -> bool {
        let too_many = match rule.trip {
            Trip::Count(count) => tally.bad >= u64::from(count),
            Trip::Percent(percent) => tally.bad * 100 >= tally.all() * u64::from(percent),
        };
        let trips = self.state == State::Closed
            && tally.bad > 0
            && tally.all() >= u64::from(rule.minimum)
            && too_many;
        if trips {
            self.open(tally, rule, now);
        }
        trips
    }

    /// Asks whether a request may go now.
    pub(crate) fn admit(&mut self, rule: &Rule, now: Time) -> Admission {
        match &mut self.state {
            State::Closed => Admission::Ordinary,
            State::Open { until, .. } if now < *until => Admission::Refused,
            State::Open { tripped, .. } => {
                self.state = State::HalfOpen {
                    asked: 1,
                    answered: 0,
                    since: now,
                    tripped: *tripped,
                };
                Admission::Probe
            }
            State::HalfOpen { asked, .. } if *asked < rule.probes => {
                *asked += 1;
                Admission::Probe
            }
            // Probes that nobody heard of again must not close the way for ever.
            State::HalfOpen { since, .. } if now >= *since + rule.pause => {
                *since = now;
                Admission::Probe
            }
            State::HalfOpen { .. } => Admission::Refused,
        }
    }

    /// A probe ended.
    pub(crate) fn probed(&mut self, is_good: bool, rule: &Rule, now: Time) {
        let State::HalfOpen {
            answered, tripped, ..
        } = &mut self.state
        else {
            // Another probe has decided already.
            return;
        };
        if !is_good {
            let tripped = *tripped;
            return self.open(tripped, rule, now);
        }
        *answered += 1;
        if *answered >= rule.probes {
            self.state = State::Closed;
            self.closed_at = now;
        }
    }

    /// A probe ended without an answer, because its client left: another may take its place.
    pub(crate) fn abandoned(&mut self) {
        if let State::HalfOpen {
            asked, answered, ..
        } = &mut self.state
        {
            *asked = asked.saturating_sub(1).max(*answered);
        }
    }

    pub(crate) fn stand(&self) -> Stand {
        match self.state {
            State::Closed => Stand::Closed,
            State::Open { until, tripped } => Stand::Open { until, tripped },
            State::HalfOpen { tripped, .. } => Stand::HalfOpen { tripped },
        }
    }

    fn open(&mut self, tripped: Tally, rule: &Rule, now: Time) {
        self.state = State::Open {
            until: now + rule.pause,
            tripped,
        };
    }
}

#[cfg(test)]
mod tests;
