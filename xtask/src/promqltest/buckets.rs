//! Series of `le` buckets as native histograms with custom buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::{CUSTOM_BUCKETS_SCHEMA, Histogram, Labels, METRIC_NAME, Sample, Span, Value};

/// What the series of a histogram say at a time.
#[derive(Default)]
struct Parts {
    /// Cumulative, by the bits of the bound, as text order is not that of numbers.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: Option<f64>,
    start_ms: i64,
}

/// The native histograms of all series that are parts of one.
pub(super) fn converted(loaded: &[(Labels, Vec<Sample>)]) -> Vec<(Labels, Vec<Sample>)> {
    let mut families: BTreeMap<Labels, BTreeMap<i64, Parts>> = BTreeMap::new();
    let of_buckets: Vec<&str> = loaded
        .iter()
        .filter(|(labels, _)| labels.find("le").is_some())
        .filter_map(|(labels, _)| labels.metric_name().strip_suffix("_bucket"))
        .collect();
    for (labels, samples) in loaded {
        let name = labels.metric_name();
        let Some((base, part)) = ["_bucket", "_count", "_sum"]
            .into_iter()
            .find_map(|suffix| name.strip_suffix(suffix).map(|base| (base, suffix)))
        else {
            continue;
        };
        if !of_buckets.contains(&base) {
            continue;
        }
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, base).remove("le");
        let family = families.entry(builder.build()).or_default();
        for sample in samples {
            let Value::Float(value) = sample.value else {
                continue;
            };
            let parts = family.entry(sample.time_ms).or_default();
            parts.start_ms = sample.start_ms;
            match part {
                "_bucket" => {
                    let bound = labels.get("le").replace("Inf", "inf");
                    if let Ok(bound) = bound.parse() {
                        parts.buckets.push((bound, value));
                    }
                }
                "_count" => parts.count = Some(value),
                _ => parts.sum = value,
            }
        }
    }
    families
        .into_iter()
        .map(|(labels, parts)| {
            let samples = parts
                .into_iter()
                .filter_map(|(at, parts)| sample(at, parts));
            (labels, samples.collect())
        })
        .collect()
}

fn sample(time_ms: i64, mut parts: Parts) -> Option<Sample> {
    parts.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let stale = parts
        .buckets
        .iter()
        .any(|(_, count)| ondol_query::is_stale(*count));
    let last = parts.buckets.last().map(|(_, count)| *count);
    let count = parts.count.or(last)?;
    if last.is_none_or(|last| last > count) && !stale {
        return None;
    }
    let (mut before, mut counts, mut bounds) = (0.0, Vec::new(), Vec::new());
    for (bound, cumulative) in &parts.buckets {
        if cumulative < &before {
            return None;
        }
        counts.push(cumulative - before);
        before = *cumulative;
        if bound.is_finite() {
            bounds.push(*bound);
        }
    }
    if parts
        .buckets
        .last()
        .is_none_or(|(bound, _)| bound.is_finite())
    {
        counts.push(count - before);
    }
    let histogram = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: if stale {
            ondol_query::stale_nan()
        } else {
            parts.sum
        },
        positive_spans: vec![Span {
            offset: 0,
            length: u32::try_from(counts.len()).ok()?,
        }],
        positive_buckets: counts,
        custom_values: bounds,
        ..Histogram::default()
    };
    Some(Sample {
        time_ms,
        start_ms: parts.start_ms,
        value: Value::Histogram(Arc::new(histogram.compacted())),
    })
}
