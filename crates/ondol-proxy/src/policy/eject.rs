use ondol_model::{Eject, Time};

/// How often an ejection may grow.
const TIMES_MAX: u32 = 6;

/// Whether one endpoint is left out because it keeps failing, as one worker knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ejection {
    /// In a row.
    failures: u32,
    /// Ejections in a row.
    times: u32,
    until: Time,
}

impl Ejection {
    pub(crate) fn succeeded(&mut self) {
        if self.failures > 0 || self.times > 0 {
            *self = Ejection {
                until: self.until,
                ..Ejection::default()
            };
        }
    }

    /// It failed once more. Whether it is left out from now on: when the rule says so and there is `room` for one more.
    pub(crate) fn failed(&mut self, rule: &Eject, room: bool, now: Time) -> bool {
        self.failures = self.failures.saturating_add(1);
        let out = rule.failures > 0 && self.failures >= rule.failures && room;
        if out {
            self.failures = 0;
            self.times = (self.times + 1).min(TIMES_MAX);
            self.until = now + rule.time * self.times;
        }
        out
    }

    pub(crate) fn is_out(self, now: Time) -> bool {
        now < self.until
    }
}

/// Whether one more of `all` endpoints may be left out when `out` are already.
pub(crate) fn has_room(rule: &Eject, all: usize, out: usize) -> bool {
    (out + 1) * 100 <= all * rule.share_percent_max as usize
}

/// Whether a status says more about the endpoint than about the request.
pub(crate) fn is_failure(status: u16) -> bool {
    matches!(status, 502..=504)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Time = Time::from_secs(50);

    #[test]
    fn failures_in_a_row_leave_it_out_longer_each_time() {
        let rule = Eject {
            failures: 2,
            ..Eject::default()
        };
        let mut ejection = Ejection::default();
        assert!(!ejection.failed(&rule, true, NOW));
        ejection.succeeded();
        assert!(!ejection.failed(&rule, true, NOW));
        assert!(ejection.failed(&rule, true, NOW));
        assert!(ejection.is_out(NOW + rule.time / 2) && !ejection.is_out(NOW + rule.time));
        let later = NOW + rule.time;
        ejection.failed(&rule, true, later);
        assert!(ejection.failed(&rule, true, later));
        assert!(ejection.is_out(later + rule.time) && !ejection.is_out(later + rule.time * 2));
        ejection.succeeded();
        ejection.failed(&rule, true, later);
        assert!(ejection.failed(&rule, true, later));
        assert!(!ejection.is_out(later + rule.time * 2 + Duration::from_secs(1)));
    }

    #[test]
    fn never_more_than_a_share_is_left_out() {
        let rule = Eject::default();
        assert!(!has_room(&rule, 1, 0));
        assert!(has_room(&rule, 2, 0) && !has_room(&rule, 2, 1));
        assert!(has_room(&rule, 3, 0) && !has_room(&rule, 3, 1));
        let off = Eject {
            failures: 0,
            ..rule
        };
        let mut ejection = Ejection::default();
        assert!((0..100).all(|_| !ejection.failed(&off, true, NOW)));
        let mut crowded = Ejection::default();
        assert!((0..100).all(|_| !crowded.failed(&Eject::default(), false, NOW)));
    }
}
