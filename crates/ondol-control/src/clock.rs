use ondol_model::{LoadReading, Time};

/// Time as the core counts it: it never goes back.
///
/// When the shell's clock jumps backwards, the core goes on from the latest moment it knows and remembers by how much
/// it is ahead, so that no deadline moves into a distant future.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    latest: Time,
    ahead_nanos: u64,
}

impl Clock {
    /// The core's moment for the shell's `now`.
    pub(crate) fn inner(&mut self, now: Time) -> Time {
        let inner = Time::from_nanos(now.as_nanos().saturating_add(self.ahead_nanos));
        if inner < self.latest {
            self.ahead_nanos = self.latest.as_nanos().saturating_sub(now.as_nanos());
            return self.latest;
        }
        self.latest = inner;
        inner
    }

    /// A reading with the core's moments instead of the shell's.
    pub(crate) fn reading(&self, mut reading: LoadReading) -> LoadReading {
        let inner = |at: &mut Time| {
            *at = Time::from_nanos(at.as_nanos().saturating_add(self.ahead_nanos));
        };
        if let Some(traffic) = &mut reading.traffic {
            inner(&mut traffic.at);
            traffic.last.iter_mut().for_each(inner);
        }
        reading
            .replicas
            .values_mut()
            .for_each(|usage| inner(&mut usage.at));
        let answers = reading.queries.values_mut().flatten();
        answers.for_each(|(at, _)| inner(at));
        reading
    }

    /// The shell's moment for one of the core's.
    pub(crate) fn outer(&self, inner: Time) -> Time {
        Time::from_nanos(inner.as_nanos().saturating_sub(self.ahead_nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_backwards_moves_no_deadline_away() {
        let mut clock = Clock::default();
        let deadline = clock.inner(Time::from_secs(100)) + std::time::Duration::from_secs(5);
        assert_eq!(clock.inner(Time::from_secs(10)), Time::from_secs(100));
        assert_eq!(clock.outer(deadline), Time::from_secs(15));
        assert_eq!(clock.inner(Time::from_secs(15)), deadline);
    }
}
