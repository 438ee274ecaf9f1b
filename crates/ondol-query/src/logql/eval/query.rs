//! What is asked.

use super::EvalError;
use crate::logql::ast::Expr;

/// An expression and when to evaluate it. Times are in nanoseconds since 1970.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// What.
    pub expr: &'a Expr,
    /// First time: of lines, or of values.
    pub start_ns: i64,
    /// Last time: of lines not included, of values included.
    pub end_ns: i64,
    /// How often values are made; 0 for an instant query, which is asked at its end.
    pub step_ns: i64,
    /// Which lines come first.
    pub direction: Direction,
    /// At most so many lines.
    pub lines_max: usize,
    /// Lines that follow another one sooner are left out; 0 for none.
    pub interval_ns: i64,
    /// The moment of the question, for templates that ask for it.
    pub now_ns: i64,
    /// How much it may take.
    pub limits: Limits,
    /// Says whether to stop: the one who asked went away, or the time is over. Asked every few thousand lines.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

/// Which lines come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The oldest.
    Forward,
    /// The newest.
    #[default]
    Backward,
}

/// How much a query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lines that it looks at.
    pub lines: u64,
    /// Bytes of lines that it looks at.
    pub bytes: u64,
    /// Bytes of lines that it answers with.
    pub answer_bytes: u64,
    /// Series of its answer, and on the way to it.
    pub series: usize,
    /// Values that it holds: of series at all steps, and of ranges that need each of them.
    pub values: u64,
    /// Steps of a range query.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lines: 50_000_000,
            bytes: 8 << 30,
            answer_bytes: 16 << 20,
            series: 5000,
            values: 2_000_000,
            steps: 11_000,
        }
    }
}

impl<'a> Query<'a> {
    /// At one time.
    #[must_use]
    pub fn instant(expr: &'a Expr, time_ns: i64) -> Self {
        Self {
            expr,
            start_ns: time_ns,
            end_ns: time_ns,
            step_ns: 0,
            direction: Direction::default(),
            lines_max: 100,
            interval_ns: 0,
            now_ns: time_ns,
            limits: Limits::default(),
            stop: None,
        }
    }

    /// At many times, or lines of a time.
    #[must_use]
    pub fn range(expr: &'a Expr, start_ns: i64, end_ns: i64, step_ns: i64) -> Self {
        Self {
            end_ns,
            start_ns,
            step_ns,
            ..Self::instant(expr, end_ns)
        }
    }

    pub(super) const fn is_instant(&self) -> bool {
        self.step_ns == 0
    }

    /// How many times values are made.
    pub(super) fn steps(&self) -> u64 {
        if self.is_instant() {
            return 1;
        }
        let span = self.end_ns.saturating_sub(self.start_ns);
        u64::try_from(span).map_or(0, |span| span / self.step_ns.unsigned_abs() + 1)
    }

    pub(super) fn check(&self) -> Result<(), EvalError> {
        if self.step_ns < 0 {
            return Err(EvalError::refused(
                "the step is negative; expected a positive one",
            ));
        }
        match self.expr {
            Expr::Log(_) if self.is_instant() => Err(EvalError::refused(
                "lines have no value at an instant; expected a range query, or a metric such as count_over_time({app=\"x\"}[5m])",
            )),
            Expr::Metric(_) if self.steps() > self.limits.steps => {
                Err(EvalError::too_many("steps", self.limits.steps))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_stop(&self) -> Result<(), EvalError> {
        match self.stop {
            Some(stop) if stop() => Err(EvalError::Stopped),
            _ => Ok(()),
        }
    }
}
