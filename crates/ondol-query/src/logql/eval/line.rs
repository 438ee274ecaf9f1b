//! Lines as an answer.

use std::ops::ControlFlow;

use super::reading::{Reading, read};
use super::{Direction, EvalError, Outcome, Query, Statistics};
use crate::logql::ast::LogQuery;
use crate::logql::source::{LogSource, Order, Wanted};

pub(super) fn evaluate(
    query: &Query<'_>,
    log: &LogQuery,
    source: &dyn LogSource,
    statistics: &mut Statistics,
) -> Result<Outcome, EvalError> {
    let reading = Reading {
        log,
        start_ns: query.start_ns,
        end_ns: query.end_ns.saturating_sub(1),
        order: match query.direction {
            Direction::Forward => Order::OldestFirst,
            Direction::Backward => Order::NewestFirst,
        },
        wanted: Wanted::All,
        lines_about: (query.interval_ns == 0).then_some(query.lines_max),
    };
    let (mut lines, mut bytes, mut last_ns) = (Vec::new(), 0_u64, None);
    if query.lines_max == 0 {
        return Ok(Outcome::Lines(lines));
    }
    read(query, reading, source, statistics, &mut |passing| {
        let too_soon =
            |last_ns: i64| passing.at_ns.abs_diff(last_ns) < query.interval_ns.unsigned_abs();
        if last_ns.is_some_and(too_soon) {
            return Ok(ControlFlow::Continue(()));
        }
        last_ns = Some(passing.at_ns);
        bytes += passing.line.len() as u64;
        if bytes > query.limits.answer_bytes {
            return Err(EvalError::too_many(
                "bytes of answer",
                query.limits.answer_bytes,
            ));
        }
        lines.push(passing.kept());
        Ok(if lines.len() >= query.lines_max {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(Outcome::Lines(lines))
}
