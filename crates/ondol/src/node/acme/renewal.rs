use std::time::Duration;

/// A third of the shortest life that public authorities give, so that one that does not answer for weeks costs nothing.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const PAUSE_FIRST: Duration = Duration::from_secs(15);
/// Authorities allow few failures in an hour and forget none of them.
const PAUSE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// How a host is to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Tls,
}

/// When the certificate of one host is asked for. Moments are since 1970.
#[derive(Debug)]
pub(crate) struct Renewal {
    state: State,
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Asked for at this moment.
    At(Duration),
    /// Asked for, and not answered yet.
    UnderWay,
}

impl Renewal {
    /// There is none yet.
    pub(crate) fn wanted() -> Self {
        Renewal {
            state: State::At(Duration::ZERO),
            failures: 0,
        }
    }

    /// There is one that was issued at `issued`.
    pub(crate) fn held(issued: Duration) -> Self {
        Renewal {
            state: State::At(issued + RENEW_AFTER),
            failures: 0,
        }
    }

    /// How to ask for it, when it is time to. After a failure the other way is tried: a port may be closed.
    pub(crate) fn due(&self, now: Duration) -> Option<Kind> {
        match self.state {
            State::At(when) if when <= now => Some(match self.failures % 2 {
                0 => Kind::Http,
                _ => Kind::Tls,
            }),
            _ => None,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.state = State::UnderWay;
    }

    /// It was not issued; says how long nothing is asked.
    pub(crate) fn failed(&mut self, now: Duration) -> Duration {
        let pause = PAUSE_FIRST * 4u32.saturating_pow(self.failures.min(8));
        let pause = pause.min(PAUSE_MAX);
        self.failures += 1;
        self.state = State::At(now + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn it_is_asked_for_at_once_and_again_long_before_it_ends() {
        let now = DAY * 20_000;
        assert_eq!(Renewal::wanted().due(now), Some(Kind::Http));
        let held = Renewal::held(now);
        assert_eq!(held.due(now + DAY * 29), None);
        assert_eq!(held.due(now + DAY * 30), Some(Kind::Http));
    }

    #[test]
    fn a_failure_waits_longer_each_time_and_tries_the_other_way() {
        let mut now = DAY;
        let mut renewal = Renewal::wanted();
        let mut kinds = Vec::new();
        for _ in 0..4 {
            kinds.extend(renewal.due(now));
            renewal.begin();
            assert_eq!(renewal.due(now + DAY * 365), None, "one order at a time");
            let pause = renewal.failed(now);
            assert_eq!(renewal.due(now + pause - Duration::from_secs(1)), None);
            now += pause;
        }
        assert_eq!(kinds, [Kind::Http, Kind::Tls, Kind::Http, Kind::Tls]);
    }

    #[test]
    fn however_often_it_fails_it_is_asked_for_again_and_not_too_often() {
        let mut renewal = Renewal::wanted();
        let mut now = DAY;
        for _ in 0..200 {
            let pause = renewal.failed(now);
            assert!((PAUSE_FIRST..=PAUSE_MAX).contains(&pause));
            now += pause;
            assert!(renewal.due(now).is_some());
        }
    }
}
