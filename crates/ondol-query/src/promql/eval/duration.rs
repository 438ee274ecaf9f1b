//! Calculated durations.

use super::super::ast::DurationExpr;
use super::super::operator::BinaryOp;
use super::{Done, EvalError, Evaluator};
use crate::place::Place;

/// More does not fit Go's nanoseconds.
const SECONDS_MAX: f64 = 9_223_372_036.0;

impl Evaluator<'_> {
    /// In milliseconds; negative ones look into the future.
    pub(super) fn duration(&self, duration: &DurationExpr) -> Done<i64> {
        let seconds = self.seconds(duration)?;
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return wrong(duration.place(), "duration out of range");
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 292 years")]
        Ok(((seconds * 1e9).round() / 1e6).trunc() as i64)
    }

    /// One that must be longer than nothing.
    pub(super) fn range_duration(&self, duration: &DurationExpr) -> Done<i64> {
        let ms = self.duration(duration)?;
        if self.seconds(duration)? <= 0.0 {
            return wrong(duration.place(), "duration must be greater than 0");
        }
        Ok(ms.max(1))
    }

    fn seconds(&self, duration: &DurationExpr) -> Done<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "times are far from 2^53 milliseconds"
        )]
        let seconds = |ms: i64| ms as f64 / 1000.0;
        Ok(match duration {
            DurationExpr::Literal(literal) => literal.value,
            DurationExpr::Step(_) => seconds(self.query.step_ms),
            DurationExpr::Range(_) => {
                seconds(self.query.end_ms.saturating_sub(self.query.start_ms))
            }
            DurationExpr::Choice(larger, sides, _) => {
                let (left, right) = (self.seconds(&sides[0])?, self.seconds(&sides[1])?);
                if *larger {
                    left.max(right)
                } else {
                    left.min(right)
                }
            }
            DurationExpr::Negative(inner, _) => -self.seconds(inner)?,
            DurationExpr::Paren(inner) => self.seconds(inner)?,
            DurationExpr::Binary(op, sides) => {
                let (left, right) = (self.seconds(&sides[0])?, self.seconds(&sides[1])?);
                if right == 0.0 && matches!(op, BinaryOp::Div | BinaryOp::Mod) {
                    let what = if *op == BinaryOp::Div {
                        "division"
                    } else {
                        "modulo"
                    };
                    return wrong(duration.place(), &format!("{what} by zero"));
                }
                super::binary::arithmetic(*op, left, right)
            }
        })
    }
}

fn wrong<T>(place: Place, what: &str) -> Done<T> {
    Err(EvalError::failed(format!(
        "{}:{}: {what}",
        place.start, place.end
    )))
}
