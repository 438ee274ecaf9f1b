//! How many bytes there are of what: a LogQL query that is made here.

use ondol_query::logql::{Expr, Outcome, Query, Series, parse, parse_selector};
use serde_json::{Value, json};

use super::envelope::{Failure, success};
use super::json as shape;
use super::params::{self, Span};
use super::query::{evaluated, now_ns};
use crate::server::Params;
use crate::shared::{Shared, Stop};

/// Series of an answer when nothing is said.
const SERIES: usize = 100;

/// `/loki/api/v1/index/volume`.
pub(super) fn instant(params: &Params, shared: &Shared, stop: &Stop) -> Result<Value, Failure> {
    let span = params::span(params, now_ns())?;
    let expr = bytes(params, (span.end_ns - span.start_ns).max(1))?;
    let answer = evaluated(Query::instant(&expr, span.end_ns), shared, stop)?;
    let Outcome::Vector(mut all) = answer.outcome else {
        return Err(Failure::bad("expected a stream selector"));
    };
    cut(&mut all, params)?;
    let result: Vec<Value> = (all.iter())
        .filter_map(|series| {
            let (at_ns, value) = series.points.first()?;
            Some(json!({"metric": shape::labels(&series.labels), "value": shape::point(*at_ns, *value)}))
        })
        .collect();
    Ok(success(
        &json!({"resultType": "vector", "result": result, "stats": {}}),
    ))
}

/// `/loki/api/v1/index/volume_range`.
pub(super) fn range(params: &Params, shared: &Shared, stop: &Stop) -> Result<Value, Failure> {
    let span = params::span(params, now_ns())?;
    let step_ns = params::step(params, span)?;
    let expr = bytes(params, step_ns)?;
    let Span { start_ns, end_ns } = span;
    let answer = evaluated(Query::range(&expr, start_ns, end_ns, step_ns), shared, stop)?;
    let Outcome::Matrix(mut all) = answer.outcome else {
        return Err(Failure::bad("expected a stream selector"));
    };
    cut(&mut all, params)?;
    let result: Vec<Value> = (all.iter())
        .map(|series| {
            let points = series.points.iter();
            let points: Vec<Value> = points
                .map(|(at, value)| shape::point(*at, *value))
                .collect();
            json!({"metric": shape::labels(&series.labels), "values": points})
        })
        .collect();
    Ok(success(
        &json!({"resultType": "matrix", "result": result, "stats": {}}),
    ))
}

/// The bytes by the labels that are asked for; by those of the selector when nothing is said.
fn bytes(params: &Params, range_ns: i64) -> Result<Expr, Failure> {
    let text = params.get("query").unwrap_or_default();
    let matchers = parse_selector(text)?;
    let by = match params.get("targetLabels") {
        Some(labels) => labels.to_owned(),
        None => {
            let mut names: Vec<&str> = matchers.iter().map(|matcher| matcher.name()).collect();
            names.dedup();
            names.join(", ")
        }
    };
    Ok(parse(&format!(
        "sum by ({by}) (bytes_over_time({text} [{range_ns}ns]))"
    ))?)
}

/// The largest first, and no more than are asked for.
fn cut(all: &mut Vec<Series>, params: &Params) -> Result<(), Failure> {
    let limit = match params.get("limit") {
        None => SERIES,
        Some(text) => text
            .parse()
            .map_err(|_| Failure::bad(format!("limit is {text}; expected a number")))?,
    };
    let total = |series: &Series| series.points.iter().map(|(_, value)| value).sum::<f64>();
    all.sort_by(|a, b| total(b).total_cmp(&total(a)));
    all.truncate(limit);
    Ok(())
}
