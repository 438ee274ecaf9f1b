//! Queries: lines of a time, and values at one time or over a range.

use std::time::Duration;

use ondol_query::logql::{Answer as Evaluated, Direction, Expr, Outcome, Query, evaluate, parse};
use serde_json::Value;

use super::envelope::{Failure, success};
use super::source::StoredLines;
use super::{json, params};
use crate::clock::{self, Watch};
use crate::server::Params;
use crate::shared::{Shared, Stop};

/// How long a query may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// `/loki/api/v1/query`.
pub(super) fn instant(
    params: &Params,
    categorize: bool,
    shared: &Shared,
    stop: &Stop,
) -> Result<Value, Failure> {
    let now_ns = now_ns();
    let time_ns = params::moment(params, "time")?.unwrap_or(now_ns);
    let expr = parse(params.get("query").unwrap_or_default())?;
    let query = Query {
        now_ns,
        ..Query::instant(&expr, time_ns)
    };
    run(query, categorize, shared, stop)
}

/// `/loki/api/v1/query_range`.
pub(super) fn range(
    params: &Params,
    categorize: bool,
    shared: &Shared,
    stop: &Stop,
) -> Result<Value, Failure> {
    let now_ns = now_ns();
    let span = params::span(params, now_ns)?;
    let expr = parse(params.get("query").unwrap_or_default())?;
    let query = Query {
        direction: params::direction(params)?,
        lines_max: params::lines_max(params)?,
        interval_ns: params::interval(params)?,
        now_ns,
        ..Query::range(
            &expr,
            span.start_ns,
            span.end_ns,
            params::step(params, span)?,
        )
    };
    run(query, categorize, shared, stop)
}

fn run(query: Query<'_>, categorize: bool, shared: &Shared, stop: &Stop) -> Result<Value, Failure> {
    let watch = Watch::start();
    let answer = evaluated(query, shared, stop)?;
    let data = json::data(
        &answer.outcome,
        &answer.statistics,
        watch.elapsed(),
        categorize,
    );
    Ok(success(&data))
}

/// Evaluates within the limits of this node.
pub(super) fn evaluated(
    query: Query<'_>,
    shared: &Shared,
    stop: &Stop,
) -> Result<Evaluated, Failure> {
    let watch = Watch::start();
    let is_over = || watch.elapsed() >= TIMEOUT;
    let stops = || stop.is_set() || is_over();
    let query = Query {
        stop: Some(&stops),
        ..query
    };
    evaluate(&query, &StoredLines(shared.stores.events.view()))
        .map_err(|error| Failure::of_evaluation(&error, is_over()))
}

/// The newest lines of a query of lines.
pub(super) fn lines(
    expr: &Expr,
    span: params::Span,
    lines_max: usize,
    shared: &Shared,
    stop: &Stop,
) -> Result<Vec<ondol_query::logql::Kept>, Failure> {
    let query = Query {
        direction: Direction::Backward,
        lines_max,
        ..Query::range(expr, span.start_ns, span.end_ns, 1)
    };
    match evaluated(query, shared, stop)?.outcome {
        Outcome::Lines(lines) => Ok(lines),
        _ => Err(Failure::bad(
            "expected a query of lines such as {service=\"web\"}",
        )),
    }
}

pub(super) fn now_ns() -> i64 {
    clock::now_ms().saturating_mul(1_000_000)
}
