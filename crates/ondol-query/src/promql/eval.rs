//! Expressions to values.
//!
//! Series by series: an expression gives its series one after the other, each with its values at all steps, so that
//! an aggregation over many series holds its groups and one series at a time ([`each`](Evaluator::each)). What needs
//! all series at once, such as a binary operator, collects them.

mod aggregate;
mod answer;
mod binary;
mod call;
mod classic;
mod duration;
mod elements;
mod enrich;
mod error;
mod extended;
mod labelling;
mod over_time;
mod pick;
mod query;
mod range;
mod rate;
mod row;
mod scalar;
mod select;
mod sums;
mod window;

use std::cell::{Cell as Shared, RefCell};

pub use answer::{Answer, Outcome, Series};
pub use error::EvalError;
pub use query::{Limits, Query};

use super::annotation::Annotations;
use super::ast::{At, Expr, TimeShift, ValueType};
use crate::place::Place;
use crate::{METRIC_NAME, Source};
use row::{Row, Sink};

type Done<T = ()> = Result<T, EvalError>;

/// Evaluates a query over a store.
///
/// # Errors
///
/// When the store fails, a limit is reached, or the query asks for something that cannot be.
pub fn evaluate(query: &Query<'_>, source: &dyn Source) -> Result<Answer, EvalError> {
    query.check()?;
    let evaluator = Evaluator {
        query,
        source,
        notes: RefCell::default(),
        held: Shared::new(0),
    };
    let outcome = evaluator.outcome()?;
    Ok(Answer {
        outcome,
        annotations: evaluator.notes.into_inner(),
    })
}

/// When to evaluate: at the first time, and then every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    start_ms: i64,
    step_ms: i64,
    count: usize,
}

impl Times {
    fn once(time_ms: i64) -> Self {
        Self {
            start_ms: time_ms,
            step_ms: 1,
            count: 1,
        }
    }

    fn between(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let span = end_ms.saturating_sub(start_ms);
        let count = if span < 0 {
            0
        } else {
            span / step_ms.max(1) + 1
        };
        Self {
            start_ms,
            step_ms,
            count: usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    fn at(self, step: usize) -> i64 {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms
            .saturating_add(steps.saturating_mul(self.step_ms))
    }

    fn end_ms(self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    fn iter(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |step| self.at(step))
    }
}

struct Evaluator<'a> {
    query: &'a Query<'a>,
    source: &'a dyn Source,
    notes: RefCell<Annotations>,
    /// Values that were collected so far.
    held: Shared<u64>,
}

impl<'a> Evaluator<'a> {
    fn warn(&self, place: Place, text: impl Into<String>) {
        self.notes.borrow_mut().warn(place, text);
    }

    fn info(&self, place: Place, text: impl Into<String>) {
        self.notes.borrow_mut().info(place, text);
    }

    /// Counts values that are held, and stops when there are too many.
    fn hold(&self, values: usize) -> Done {
        let held = self.held.get().saturating_add(values as u64);
        self.held.set(held);
        self.fits(held)
    }

    fn fits(&self, values: u64) -> Done {
        if values > self.query.limits.samples {
            return Err(EvalError::TooManySamples);
        }
        Ok(())
    }

    fn check_stop(&self) -> Done {
        match self.query.stop {
            Some(stop) if stop() => Err(EvalError::Stopped),
            _ => Ok(()),
        }
    }

    /// The time that a selector looks at, for a time of evaluation.
    fn reference(&self, shift: &TimeShift) -> Done<Reference> {
        let offset_ms = match &shift.offset {
            None => 0,
            Some(offset) => self.duration(offset)?,
        };
        let at = shift.at.map(|at| match at {
            At::Time(ms) => ms,
            At::Start => self.query.start_ms,
            At::End => self.query.end_ms,
        });
        Ok(Reference { at, offset_ms })
    }

    /// All series of a vector.
    fn vector(&self, expr: &Expr, times: Times) -> Done<Vec<Row>> {
        let mut rows = Vec::new();
        self.each(expr, times, &mut |row| {
            self.hold(times.count)?;
            rows.push(std::mem::take(row));
            Ok(())
        })?;
        Ok(rows)
    }

    /// Gives each series of a vector, with a value or none for each time. What is given may be taken away or changed.
    fn each(&self, expr: &Expr, times: Times, sink: Sink<'_>) -> Done {
        match expr {
            Expr::Paren(paren) => self.each(&paren.expr, times, sink),
            Expr::Vector(selector) => self.select_vector(selector, times, sink),
            Expr::Call(call) => self.call(call, times, sink),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, times, sink),
            Expr::Binary(binary) => self.binary(binary, times, sink),
            Expr::Unary(unary) => self.each(&unary.expr, times, &mut |row| {
                if unary.negative {
                    row.drop_name = true;
                    row.map(
                        |value| Some(-value),
                        |histogram| {
                            let mut negative = histogram.clone();
                            negative.scale(-1.0);
                            Some(negative.into())
                        },
                    );
                }
                sink(row)
            }),
            Expr::Number(_) | Expr::String(_) | Expr::Matrix(_) | Expr::Subquery(_) => Err(
                EvalError::failed("expected an instant vector, got something else"),
            ),
        }
    }

    fn outcome(&self) -> Done<Outcome> {
        let query = self.query;
        let times = if query.is_instant() {
            Times::once(query.start_ms)
        } else {
            Times::between(query.start_ms, query.end_ms, query.step_ms)
        };
        match query.expr.value_type() {
            ValueType::String => {
                let Expr::String(literal) = query.expr.bare() else {
                    return Err(EvalError::failed("expected a string, got something else"));
                };
                Ok(Outcome::String(literal.text().into_owned()))
            }
            ValueType::Scalar => {
                let values = self.scalar(query.expr, times)?;
                Ok(Outcome::of_scalar(&values, times, query.is_instant()))
            }
            ValueType::Vector => {
                let rows = self.vector(query.expr, times)?;
                Outcome::of_rows(rows, times, query.is_instant())
            }
            ValueType::Matrix => Ok(Outcome::Matrix(
                self.matrix(query.expr.bare(), times.start_ms)?,
            )),
        }
    }
}

/// What a selector looks at: a fixed time or that of evaluation, some time before.
#[derive(Debug, Clone, Copy)]
struct Reference {
    at: Option<i64>,
    offset_ms: i64,
}

impl Reference {
    fn of(self, time_ms: i64) -> i64 {
        self.at.unwrap_or(time_ms).saturating_sub(self.offset_ms)
    }

    /// The first and the last.
    fn span(self, times: Times) -> (i64, i64) {
        (self.of(times.start_ms), self.of(times.end_ms()))
    }
}

/// Labels that say what a metric is; they are dropped with its name.
fn is_of_metric(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

#[cfg(test)]
mod tests;
