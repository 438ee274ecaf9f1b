//! Queries of rules, and what they write.

use std::time::Duration;

use ondol_alert::{METRIC_NAME, QueryResult, Sample};
use ondol_query::promql::{Features, Outcome, Query, Series, parse};
use ondol_query::{Labels, Value, stale_nan};
use ondol_telemetry::Pushed;

use crate::prometheus::evaluated;
use crate::shared::{Shared, Stop};

/// A rule's query that takes longer has failed.
const QUERY_MAX: Duration = Duration::from_secs(30);

/// Evaluates a query at a moment.
pub(super) fn ask(shared: &Shared, expr: &str, at_ms: i64) -> QueryResult {
    let expr = parse(expr, Features::STABLE).map_err(|error| error.to_string())?;
    let query = Query::instant(&expr, at_ms);
    let (answer, is_late) = evaluated(query, shared, &Stop::default(), QUERY_MAX);
    let answer = answer.map_err(|error| match is_late {
        true => format!("it took longer than {} s", QUERY_MAX.as_secs()),
        false => error.to_string(),
    })?;
    match answer.outcome {
        Outcome::Vector(series) => series.iter().map(sample).collect(),
        Outcome::Scalar(sample) => match sample.value {
            Value::Float(value) => Ok(vec![Sample {
                labels: ondol_alert::Labels::new(),
                value,
            }]),
            Value::Histogram(_) => Err(HISTOGRAM.to_owned()),
        },
        Outcome::String(_) | Outcome::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

const HISTOGRAM: &str = "the result has native histograms, and rules hold numbers; take `histogram_quantile`, `histogram_count` or `histogram_sum` of it";

fn sample(series: &Series) -> Result<Sample, String> {
    let labels = series.labels.iter();
    let labels = labels.map(|label| (label.name.to_string(), label.value.to_string()));
    match series.samples.last().map(|sample| &sample.value) {
        Some(Value::Float(value)) => Ok(Sample {
            labels: labels.collect(),
            value: *value,
        }),
        _ => Err(HISTOGRAM.to_owned()),
    }
}

/// What is to be written, as the store takes it.
pub(super) fn pushed(samples: &[Sample], stale: &[ondol_alert::Labels], at_ms: i64) -> Vec<Pushed> {
    let of = |labels: &ondol_alert::Labels, value: f64| {
        let pairs: Vec<(&str, &str)> = labels
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        Pushed {
            labels: Labels::of(&pairs),
            at_ms,
            value: Value::Float(value),
        }
    };
    let values = samples
        .iter()
        .map(|sample| of(&sample.labels, sample.value));
    let ends = stale.iter().map(|labels| of(labels, stale_nan()));
    let all = values.chain(ends);
    all.filter(|pushed| !pushed.labels.get(METRIC_NAME).is_empty())
        .collect()
}
