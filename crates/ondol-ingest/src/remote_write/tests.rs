use super::*;
use crate::NativeHistogram;
use crate::wire::put;

fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, bytes) in fields {
        put::bytes(&mut message, *tag, bytes);
    }
    message
}

fn decoded(series: &[u8]) -> SeriesBatch {
    let request = message(&[(1, series)]);
    let packed = snap::raw::Encoder::new().compress_vec(&request).unwrap();
    decode(&packed, &Limits::default()).unwrap()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    message(&[(1, name.as_bytes()), (2, value.as_bytes())])
}

#[test]
fn series_come_with_samples_and_exemplars() {
    let mut sample = Vec::new();
    put::fixed64(&mut sample, 1, 1.5_f64.to_bits());
    put::number(&mut sample, 2, 1_700_000_000_000);
    let mut exemplar = message(&[(1, &label("trace_id", "ab"))]);
    put::fixed64(&mut exemplar, 2, 9.0_f64.to_bits());
    let series = message(&[
        (1, &label("job", "x")),
        (1, &label("__name__", "up")),
        (2, &sample),
        (3, &exemplar),
    ]);
    let batch = decoded(&series);
    let series = &batch.series[0];
    assert_eq!(series.labels[0].0, "__name__");
    assert_eq!(series.samples, [(1_700_000_000_000, Reading::Float(1.5))]);
    assert_eq!(series.exemplars[0].value, 9.0);
}

#[test]
fn histograms_come_with_absolute_counts_or_not_at_all() {
    let span = |length| {
        let mut span = Vec::new();
        put::number(&mut span, 1, 2);
        put::number(&mut span, 2, length);
        span
    };
    let mut native = Vec::new();
    put::number(&mut native, 1, 5);
    put::number(&mut native, 4, 6);
    // 2, then 2 + 1.
    put::bytes(&mut native, 12, &[4, 2]);
    let of_spans = |length| {
        let mut native = native.clone();
        put::bytes(&mut native, 11, &span(length));
        decoded(&message(&[(1, &label("__name__", "h")), (4, &native)]))
    };
    let good = of_spans(2);
    let (_, Reading::Histogram(read)) = &good.series[0].samples[0] else {
        panic!("{good:?}");
    };
    assert_eq!((read.schema, read.count), (3, 5.0));
    assert_eq!(read.positive_spans, [(1, 2)]);
    assert_eq!(read.positive_buckets, [2.0, 3.0]);
    let bad = of_spans(3);
    assert_eq!((bad.series.len(), bad.dropped.items), (0, 1));
}

#[test]
fn a_series_without_a_name_is_refused_and_counted() {
    let mut sample = Vec::new();
    put::number(&mut sample, 2, 1);
    let batch = decoded(&message(&[(1, &label("job", "x")), (2, &sample)]));
    assert_eq!((batch.series.len(), batch.dropped.items), (0, 1));
}

#[test]
fn what_is_encoded_is_decoded() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let histogram = NativeHistogram {
        schema: -4,
        zero_threshold: 0.5,
        zero_count: 1.0,
        count: 7.0,
        sum: -3.5,
        positive_spans: vec![(-2, 1), (3, 2)],
        positive_buckets: vec![1.0, 2.0, 0.5],
        negative_spans: vec![(i32::MIN, 1)],
        negative_buckets: vec![2.5],
        custom_values: Vec::new(),
        is_gauge: true,
    };
    let series = [
        Series {
            labels: vec![pair("__name__", "a"), pair("job", "x")],
            samples: vec![(-5, Reading::Float(0.0)), (7, Reading::Float(1e300))],
            exemplars: vec![Exemplar {
                labels: vec![pair("trace_id", "ab")],
                value: 2.0,
                at_ms: 6,
            }],
        },
        Series {
            labels: vec![pair("__name__", "h")],
            samples: vec![(i64::MAX, Reading::Histogram(Box::new(histogram)))],
            exemplars: Vec::new(),
        },
    ];
    let batch = decode(&encode(&series).unwrap(), &Limits::default()).unwrap();
    assert_eq!(batch.series, series);
}
