use std::collections::VecDeque;
use std::time::Duration;

use ondol_model::Time;

/// More replicas come in steps of this time.
const PERIOD: Duration = Duration::from_secs(15);
/// So many at least in each.
const STEP_MIN: u32 = 4;

/// How fast the number grows: in 15 s by 4, or to twice as many, whichever is more.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Oldest first: when, and from how many to how many.
    changes: VecDeque<(Time, u32, u32)>,
}

impl Pace {
    pub(super) fn changed(&mut self, from: u32, to: u32, now: Time) {
        self.changes.push_back((now, from, to));
    }

    /// The most that may be there now.
    pub(super) fn most(&mut self, current: u32, now: Time) -> u32 {
        self.changes.retain(|(at, ..)| now.since(*at) < PERIOD);
        let began = self
            .changes
            .iter()
            .fold(i64::from(current), |count, (_, from, to)| {
                count - i64::from(*to) + i64::from(*from)
            });
        let began = u32::try_from(began).unwrap_or(0);
        began.saturating_add(began.max(STEP_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_adds_four_or_as_many_as_there_were() {
        let mut pace = Pace::default();
        let at = Time::from_secs;
        assert_eq!(pace.most(1, at(100)), 5);
        pace.changed(1, 5, at(100));
        assert_eq!(pace.most(5, at(105)), 5, "the period is used up");
        assert_eq!(pace.most(5, at(115)), 10, "and over");
        pace.changed(5, 3, at(115));
        assert_eq!(
            pace.most(3, at(116)),
            10,
            "what was taken away may come back"
        );
    }
}
