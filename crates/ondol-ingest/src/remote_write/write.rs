//! The other direction: a body for somebody else.

use crate::wire::put;
use crate::{Exemplar, IngestError, NativeHistogram, Pair, Reading, Series};

/// A body of remote write 1.0: `prometheus.WriteRequest`, packed with snappy.
///
/// # Errors
///
/// When there is more of it than snappy can hold, 4 GiB.
pub fn encode(series: &[Series]) -> Result<Vec<u8>, IngestError> {
    let (mut request, mut message) = (Vec::new(), Vec::new());
    for one in series {
        message.clear();
        put_series(&mut message, one);
        put::bytes(&mut request, 1, &message);
    }
    let packed = snap::raw::Encoder::new().compress_vec(&request);
    packed.map_err(|error| IngestError::malformed("snappy", error.to_string()))
}

fn put_series(into: &mut Vec<u8>, series: &Series) {
    let mut part = Vec::new();
    put_labels(into, 1, &series.labels);
    for (at_ms, reading) in &series.samples {
        part.clear();
        match reading {
            Reading::Float(value) => {
                put::fixed64(&mut part, 1, value.to_bits());
                put::number(&mut part, 2, *at_ms as u64);
                put::bytes(into, 2, &part);
            }
            Reading::Histogram(histogram) => {
                put_histogram(&mut part, *at_ms, histogram);
                put::bytes(into, 4, &part);
            }
        }
    }
    for Exemplar {
        labels,
        value,
        at_ms,
    } in &series.exemplars
    {
        part.clear();
        put_labels(&mut part, 1, labels);
        put::fixed64(&mut part, 2, value.to_bits());
        put::number(&mut part, 3, *at_ms as u64);
        put::bytes(into, 3, &part);
    }
}

fn put_labels(into: &mut Vec<u8>, tag: u32, labels: &[Pair]) {
    let mut pair = Vec::new();
    for (name, value) in labels {
        pair.clear();
        put::bytes(&mut pair, 1, name.as_bytes());
        put::bytes(&mut pair, 2, value.as_bytes());
        put::bytes(into, tag, &pair);
    }
}

/// Counts as floats: what was counted in whole numbers is not known to the store any more.
fn put_histogram(into: &mut Vec<u8>, at_ms: i64, histogram: &NativeHistogram) {
    const GAUGE: u64 = 3;
    put::fixed64(into, 2, histogram.count.to_bits());
    put::fixed64(into, 3, histogram.sum.to_bits());
    put::number(into, 4, zigzagged(histogram.schema));
    put::fixed64(into, 5, histogram.zero_threshold.to_bits());
    put::fixed64(into, 7, histogram.zero_count.to_bits());
    put_side(
        into,
        8,
        &histogram.negative_spans,
        &histogram.negative_buckets,
    );
    put_side(
        into,
        11,
        &histogram.positive_spans,
        &histogram.positive_buckets,
    );
    if histogram.is_gauge {
        put::number(into, 14, GAUGE);
    }
    put::number(into, 15, at_ms as u64);
    put_floats(into, 16, &histogram.custom_values);
}

/// The runs of one sign have the number `spans`, their counts the one that is two higher.
fn put_side(into: &mut Vec<u8>, spans: u32, runs: &[(i32, u32)], buckets: &[f64]) {
    let mut run = Vec::new();
    for (offset, length) in runs {
        run.clear();
        put::number(&mut run, 1, zigzagged(*offset));
        put::number(&mut run, 2, u64::from(*length));
        put::bytes(into, spans, &run);
    }
    put_floats(into, spans + 2, buckets);
}

fn put_floats(into: &mut Vec<u8>, tag: u32, values: &[f64]) {
    if !values.is_empty() {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        put::bytes(into, tag, &bytes);
    }
}

/// A number of either sign, written so that small ones are short.
fn zigzagged(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)) as u32)
}
