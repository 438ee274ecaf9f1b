//! All samples of a window of time, as bodies of remote write.

use ondol_ingest::otlp::Signal;
use ondol_ingest::{IngestError, NativeHistogram, Pair, Reading, Series, remote_write};
use ondol_query::{
    Histogram, Labels, ResetHint, Sample, Selected, Selection, Source, SourceError, Span, Value,
};
use ondol_telemetry::SharedSamples;

use super::Body;

/// Samples of one body.
const SAMPLES_MAX: usize = 5000;

/// Everything after `after_ms` until `until_ms`, ordered by series, so that the same window gives the same bodies.
pub(super) fn read(
    samples: &SharedSamples,
    after_ms: i64,
    until_ms: i64,
    labels: &[Pair],
) -> Result<Vec<Body>, String> {
    let selection = Selection {
        matchers: &[],
        start_ms: after_ms.saturating_add(1),
        end_ms: until_ms,
        step_ms: 0,
        range_ms: until_ms.saturating_sub(after_ms),
        function: "",
    };
    let mut found = samples
        .select(&selection)
        .map_err(|error| error.to_string())?;
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    let (mut bodies, mut batch, mut waiting) = (Vec::new(), Vec::new(), 0);
    for selected in found {
        let series = series(selected, labels).map_err(|error| error.to_string())?;
        waiting += series.samples.len();
        if !series.samples.is_empty() {
            batch.push(series);
        }
        if waiting >= SAMPLES_MAX {
            bodies.push(body(&mut batch, &mut waiting).map_err(|error| error.to_string())?);
        }
    }
    if waiting > 0 {
        bodies.push(body(&mut batch, &mut waiting).map_err(|error| error.to_string())?);
    }
    Ok(bodies)
}

fn body(batch: &mut Vec<Series>, waiting: &mut usize) -> Result<Body, IngestError> {
    let bytes = remote_write::encode(batch)?;
    batch.clear();
    Ok(Body {
        signal: Signal::Metrics,
        items: std::mem::take(waiting) as u64,
        bytes,
    })
}

fn series(mut selected: Selected<'_>, labels: &[Pair]) -> Result<Series, SourceError> {
    let mut read = Vec::new();
    while selected.samples.read(&mut read)? {}
    Ok(Series {
        labels: with(&selected.labels, labels),
        samples: read.into_iter().map(reading).collect(),
        exemplars: Vec::new(),
    })
}

/// The labels of a series, and of those of this machine the ones that it does not have.
fn with(own: &Labels, further: &[Pair]) -> Vec<Pair> {
    let own_pairs = own
        .iter()
        .map(|label| (label.name.to_string(), label.value.to_string()));
    let further = further.iter().filter(|(name, _)| own.find(name).is_none());
    let mut all: Vec<Pair> = own_pairs.chain(further.cloned()).collect();
    all.sort();
    all
}

fn reading(sample: Sample) -> (i64, Reading) {
    let value = match sample.value {
        Value::Float(value) => Reading::Float(value),
        Value::Histogram(histogram) => Reading::Histogram(Box::new(native(&histogram))),
    };
    (sample.time_ms, value)
}

fn native(histogram: &Histogram) -> NativeHistogram {
    let runs = |spans: &[Span]| {
        spans
            .iter()
            .map(|span| (span.offset, span.length))
            .collect()
    };
    NativeHistogram {
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count: histogram.zero_count,
        count: histogram.count,
        sum: histogram.sum,
        positive_spans: runs(&histogram.positive_spans),
        positive_buckets: histogram.positive_buckets.clone(),
        negative_spans: runs(&histogram.negative_spans),
        negative_buckets: histogram.negative_buckets.clone(),
        custom_values: histogram.custom_values.clone(),
        is_gauge: histogram.reset_hint == ResetHint::Gauge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_keeps_its_own_labels_and_gets_the_machines() {
        let own = Labels::of(&[("__name__", "up"), ("node", "mine")]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = with(&own, &[pair("node", "other"), pair("dc", "x")]);
        assert_eq!(
            all,
            [
                pair("__name__", "up"),
                pair("dc", "x"),
                pair("node", "mine")
            ]
        );
    }
}
