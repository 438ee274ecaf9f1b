//! Queries at one time and over a range.

use std::time::Duration;

use ondol_query::promql::{
    Answer, EvalError, Features, Level, Limits, Outcome, Query, evaluate, parse,
};

use super::envelope::{Done, Failure};
use super::{json, moment};
use crate::clock::{self, Watch};
use crate::server::Params;
use crate::shared::{Shared, Stop};

/// How long a query may take, and how long it does when nothing is said.
const TIMEOUT_MAX: Duration = Duration::from_secs(120);
/// Values that a query may hold: some 16 bytes each.
const SAMPLES_MAX: u64 = 5_000_000;
/// Annotations of each level that an answer carries.
const ANNOTATIONS_MAX: usize = 10;

/// `/api/v1/query`.
pub(super) fn instant(params: &Params, shared: &Shared, stop: &Stop) -> Result<Done, Failure> {
    let limit = limit(params)?;
    let time_ms = match params.get("time") {
        Some(text) => moment::moment("time", text)?,
        None => clock::now_ms(),
    };
    let text = params.get("query").unwrap_or_default();
    let expr = parse(text, Features::STABLE).map_err(|error| Failure::of_query(&error))?;
    let query = Query::instant(&expr, time_ms);
    run(query, text, params, shared, stop, limit)
}

/// `/api/v1/query_range`.
pub(super) fn range(params: &Params, shared: &Shared, stop: &Stop) -> Result<Done, Failure> {
    let limit = limit(params)?;
    let needed = |name| params.get(name).unwrap_or_default();
    let start_ms = moment::moment("start", needed("start"))?;
    let end_ms = moment::moment("end", needed("end"))?;
    if end_ms < start_ms {
        let why = "end timestamp must not be before start time";
        return Err(Failure::parameter("end", why));
    }
    let step_ms = moment::span("step", needed("step"))?;
    if step_ms <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failure::parameter("step", why));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > Limits::default().steps as i64 {
        return Err(Failure::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let text = needed("query");
    let expr = parse(text, Features::STABLE).map_err(|error| Failure::of_query(&error))?;
    let query = Query::range(&expr, start_ms, end_ms, step_ms);
    run(query, text, params, shared, stop, limit)
}

fn run(
    mut query: Query<'_>,
    text: &str,
    params: &Params,
    shared: &Shared,
    stop: &Stop,
    limit: usize,
) -> Result<Done, Failure> {
    if let Some(lookback) = params.get("lookback_delta") {
        query.lookback_ms = moment::span("lookback_delta", lookback)?;
    }
    let time_ms = query.start_ms;
    let timeout = timeout(params)?;
    let (answer, timed_out) = evaluated(query, shared, stop, timeout);
    let Answer {
        mut outcome,
        annotations,
    } = answer.map_err(|error| Failure::of_evaluation(&error, timed_out))?;
    let mut warnings = annotations.limited(Level::Warning, text, ANNOTATIONS_MAX);
    if let Outcome::Vector(series) | Outcome::Matrix(series) = &mut outcome
        && limit > 0
        && series.len() > limit
    {
        series.truncate(limit);
        warnings.push(TRUNCATED.to_owned());
    }
    let mut data = Vec::new();
    json::outcome(&outcome, time_ms, &mut data);
    Ok(Done {
        data,
        warnings,
        infos: annotations.limited(Level::Info, text, ANNOTATIONS_MAX),
    })
}

pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// Evaluates within the limits of this node; says too whether the time was over.
pub(crate) fn evaluated(
    query: Query<'_>,
    shared: &Shared,
    stop: &Stop,
    timeout: Duration,
) -> (Result<Answer, EvalError>, bool) {
    let watch = Watch::start();
    let is_over = || watch.elapsed() >= timeout;
    let stops = || stop.is_set() || is_over();
    let limits = Limits {
        samples: SAMPLES_MAX,
        ..Limits::default()
    };
    let query = Query {
        limits,
        stop: Some(&stops),
        ..query
    };
    (evaluate(&query, &shared.stores.samples), is_over())
}

fn timeout(params: &Params) -> Result<Duration, Failure> {
    let Some(text) = params.get("timeout") else {
        return Ok(TIMEOUT_MAX);
    };
    let ms = moment::span("timeout", text)?;
    let wanted = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Ok(wanted.min(TIMEOUT_MAX))
}

/// How much of an answer is wanted; 0 is all of it.
pub(super) fn limit(params: &Params) -> Result<usize, Failure> {
    let Some(text) = params.get("limit") else {
        return Ok(0);
    };
    let number: i64 = text.parse().map_err(|_| {
        Failure::parameter("limit", format!("cannot parse \"{text}\" to a valid limit"))
    })?;
    usize::try_from(number).map_err(|_| Failure::parameter("limit", "limit must be non-negative"))
}
