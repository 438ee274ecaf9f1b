//! What is asked.

use super::super::ast::{Expr, ValueType};
use super::EvalError;
use crate::quote::Quoted;

/// An expression and when to evaluate it.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// What.
    pub expr: &'a Expr,
    /// First time, in milliseconds since 1970.
    pub start_ms: i64,
    /// Last time, included.
    pub end_ms: i64,
    /// How often; 0 for an instant query, whose start is its end.
    pub step_ms: i64,
    /// How old a sample may be to count as the value of now.
    pub lookback_ms: i64,
    /// The step of subqueries that say none.
    pub subquery_step_ms: i64,
    /// Whether the time at which counting began, where a sample says it, counts for rates.
    pub start_timestamps: bool,
    /// How much it may take.
    pub limits: Limits,
    /// Says whether to stop: the one who asked went away, or the time is over. Asked for each series.
    pub stop: Option<&'a dyn Fn() -> bool>,
}

/// How much a query may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Values that it collects; also those of one series that it reads at once.
    pub samples: u64,
    /// Steps of a range query.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            samples: 50_000_000,
            steps: 11_000,
        }
    }
}

impl<'a> Query<'a> {
    /// At one time.
    #[must_use]
    pub fn instant(expr: &'a Expr, time_ms: i64) -> Self {
        Self {
            expr,
            start_ms: time_ms,
            end_ms: time_ms,
            step_ms: 0,
            lookback_ms: 5 * 60 * 1000,
            subquery_step_ms: 60 * 1000,
            start_timestamps: true,
            limits: Limits::default(),
            stop: None,
        }
    }

    /// At many times.
    #[must_use]
    pub fn range(expr: &'a Expr, start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        Self {
            end_ms,
            step_ms,
            ..Self::instant(expr, start_ms)
        }
    }

    pub(super) const fn is_instant(&self) -> bool {
        self.step_ms == 0
    }

    pub(super) fn check(&self) -> Result<(), EvalError> {
        if self.is_instant() {
            return Ok(());
        }
        let found = self.expr.value_type();
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            return Err(EvalError::failed(format!(
                "invalid expression type {} for range query, must be Scalar or instant Vector",
                Quoted(found.documented())
            )));
        }
        if self.step_ms < 0 {
            return Err(EvalError::failed(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            ));
        }
        let steps = super::Times::between(self.start_ms, self.end_ms, self.step_ms).count;
        if steps as u64 > self.limits.steps {
            return Err(EvalError::failed(format!(
                "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution (?step=XX)",
                self.limits.steps
            )));
        }
        Ok(())
    }
}
