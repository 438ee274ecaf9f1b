//! Queries over a store of lines.
//!
//! Lines go through their stages one by one. What is made of them for each step of a metric query are the series that
//! `PromQL` then aggregates and combines.

mod answer;
mod error;
mod line;
mod metric;
mod pushed;
mod query;
mod range;
mod reading;
mod series;
mod tally;

pub use answer::{Answer, Outcome, Series, Statistics};
pub use error::EvalError;
pub use query::{Direction, Limits, Query};

use super::ast::Expr;
use super::source::LogSource;

/// Evaluates a query over a store.
///
/// # Errors
///
/// When the store fails, a limit is reached, a line of a metric query went wrong, or the query asks for something that
/// cannot be.
pub fn evaluate(query: &Query<'_>, source: &dyn LogSource) -> Result<Answer, EvalError> {
    query.check()?;
    let mut statistics = Statistics::default();
    let outcome = match query.expr {
        Expr::Log(log) => line::evaluate(query, log, source, &mut statistics)?,
        Expr::Metric(metric) => metric::evaluate(query, metric, source, &mut statistics)?,
    };
    Ok(Answer {
        outcome,
        statistics,
    })
}

#[cfg(test)]
mod tests;
