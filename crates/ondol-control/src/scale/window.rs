use std::collections::VecDeque;

use ondol_model::{Autoscale, Time};

/// What was recommended lately: only what held through its window is followed.
#[derive(Debug)]
pub(super) struct Window {
    /// Oldest first.
    recommended: VecDeque<(Time, u32)>,
}

impl Window {
    /// What is there counts as recommended, so that a new node takes nothing away at once.
    pub(super) fn new(count: u32, now: Time) -> Self {
        Window {
            recommended: [(now, count)].into(),
        }
    }

    /// Remembers `wants`, and says what is followed: more than there are only when all of the up window asked for
    /// more, fewer only when all of the down window was content with fewer.
    pub(super) fn stabilise(
        &mut self,
        wants: u32,
        current: u32,
        rules: &Autoscale,
        now: Time,
    ) -> u32 {
        let longest = rules.up_window.max(rules.down_window);
        self.recommended.retain(|(at, _)| now.since(*at) < longest);
        let within = |window| {
            let recent = self.recommended.iter();
            let recent = recent.filter(move |(at, _)| now.since(*at) < window);
            recent.map(|(_, count)| *count).chain([wants])
        };
        let up = within(rules.up_window).min().unwrap_or(wants);
        let down = within(rules.down_window).max().unwrap_or(wants);
        self.recommended.push_back((now, wants));
        current.max(up).min(down)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rules(up: u64, down: u64) -> Autoscale {
        Autoscale {
            min: 1,
            max: 10,
            metrics: Vec::new(),
            up_window: Duration::from_secs(up),
            down_window: Duration::from_secs(down),
            idle: Duration::from_secs(300),
        }
    }

    #[test]
    fn fewer_come_when_the_most_of_the_window_is_fewer() {
        let (rules, start) = (rules(0, 300), Time::from_secs(1000));
        let mut window = Window::new(5, start);
        let mut at = |secs: u64, wants| {
            window.stabilise(wants, 5, &rules, start + Duration::from_secs(secs))
        };
        assert_eq!(at(5, 2), 5);
        assert_eq!(at(100, 4), 5);
        assert_eq!(at(299, 2), 5);
        assert_eq!(at(301, 2), 4, "the 5 of the beginning is forgotten");
        assert_eq!(at(399, 2), 4);
        assert_eq!(at(401, 2), 2);
        assert_eq!(at(402, 9), 9, "more is followed at once");
    }

    #[test]
    fn more_come_when_all_of_the_window_asked_for_more() {
        let (rules, start) = (rules(60, 300), Time::from_secs(1000));
        let mut window = Window::new(2, start);
        let mut at = |secs: u64, wants| {
            window.stabilise(wants, 2, &rules, start + Duration::from_secs(secs))
        };
        assert_eq!(at(30, 8), 2);
        assert_eq!(at(61, 6), 6, "the least of what was asked for");
    }
}
