//! One number out of a query: what the node decides by.

use std::time::Duration;

use ondol_query::Value;
use ondol_query::promql::{Features, Outcome, Query, parse};

use crate::clock;
use crate::prometheus::evaluated;
use crate::shared::{Shared, Stop};

/// A query that takes longer has failed.
const QUERY_MAX: Duration = Duration::from_secs(2);

/// The sum of the series that a query gives now. Samples older than `age_max` are not looked at.
pub(crate) fn sum(shared: &Shared, promql: &str, age_max: Duration) -> Result<f64, String> {
    let expr = parse(promql, Features::STABLE).map_err(|error| error.to_string())?;
    let mut query = Query::instant(&expr, clock::now_ms());
    query.lookback_ms = i64::try_from(age_max.as_millis()).unwrap_or(i64::MAX);
    let (answer, is_late) = evaluated(query, shared, &Stop::default(), QUERY_MAX);
    let answer = answer.map_err(|error| match is_late {
        true => format!("the query took longer than {} s", QUERY_MAX.as_secs()),
        false => error.to_string(),
    })?;
    let number = |value: &Value| match value {
        Value::Float(number) => Ok(*number),
        Value::Histogram(_) => Err("the query gave a histogram instead of a number".to_owned()),
    };
    match answer.outcome {
        Outcome::Scalar(sample) => number(&sample.value),
        Outcome::Vector(series) if series.is_empty() => Err(format!(
            "the query gives nothing: no series matches, or none of them has a value of the last {} s",
            age_max.as_secs()
        )),
        Outcome::Vector(series) => {
            let last = series.iter().filter_map(|series| series.samples.last());
            last.map(|sample| number(&sample.value)).sum()
        }
        Outcome::String(_) | Outcome::Matrix(_) => {
            Err("the query gave neither a number nor a vector".to_owned())
        }
    }
}
