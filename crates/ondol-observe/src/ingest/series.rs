//! Series of others as samples.

use std::sync::Arc;

use ondol_ingest::{Exemplar, NativeHistogram, Reading, Series};
use ondol_query::{Histogram, Labels, ResetHint, Span, Value};
use ondol_telemetry::{KeptExemplar, Pushed, Refused, Samples, StoreError};

/// Keeps the samples of these series, and the observations behind them; says what was refused.
pub(crate) fn keep(
    series: Vec<Series>,
    samples: &mut Samples,
    now_ms: i64,
) -> Result<Refused, StoreError> {
    let (pushed, exemplars) = pushed(series);
    let refused = samples.push(&pushed, now_ms)?;
    for (labels, exemplars) in exemplars {
        samples.push_exemplars(&labels, exemplars);
    }
    Ok(refused)
}

/// Each sample of each series, and of those that have some the observations.
fn pushed(series: Vec<Series>) -> (Vec<Pushed>, Vec<(Labels, Vec<KeptExemplar>)>) {
    let (mut pushed, mut exemplars) = (Vec::new(), Vec::new());
    for one in series {
        let labels: Vec<(&str, &str)> = (one.labels.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let labels = Labels::of(&labels);
        for (at_ms, reading) in one.samples {
            pushed.push(Pushed {
                labels: labels.clone(),
                at_ms,
                value: value(reading),
            });
        }
        if !one.exemplars.is_empty() {
            exemplars.push((labels, one.exemplars.into_iter().map(exemplar).collect()));
        }
    }
    (pushed, exemplars)
}

fn exemplar(said: Exemplar) -> KeptExemplar {
    KeptExemplar {
        labels: said.labels,
        value: said.value,
        at_ms: said.at_ms,
    }
}

fn value(reading: Reading) -> Value {
    match reading {
        Reading::Float(value) => Value::Float(value),
        Reading::Histogram(native) => Value::Histogram(Arc::new(histogram(*native))),
    }
}

fn histogram(native: NativeHistogram) -> Histogram {
    let spans = |spans: Vec<(i32, u32)>| -> Vec<Span> {
        let span = |(offset, length)| Span { offset, length };
        spans.into_iter().map(span).collect()
    };
    Histogram {
        reset_hint: match native.is_gauge {
            true => ResetHint::Gauge,
            false => ResetHint::Unknown,
        },
        schema: native.schema,
        zero_threshold: native.zero_threshold,
        zero_count: native.zero_count,
        count: native.count,
        sum: native.sum,
        positive_spans: spans(native.positive_spans),
        negative_spans: spans(native.negative_spans),
        positive_buckets: native.positive_buckets,
        negative_buckets: native.negative_buckets,
        custom_values: native.custom_values,
    }
}
