//! What came, compared with what was expected.

use ondol_query::promql::{DescribedValue, Outcome, Series};
use ondol_query::{Histogram, Labels, Sample, Value};

use super::expectation::{Expectations, Span};

/// Numbers that differ by less are equal.
const EPSILON: f64 = 1e-6;

type Verdict = Result<(), String>;

/// Compares a result. `range` is when the expected values of a range are.
pub(super) fn compare(expected: &Expectations, outcome: &Outcome, range: Option<Span>) -> Verdict {
    match outcome {
        Outcome::String(text) => match &expected.string {
            Some(wanted) if wanted == text => Ok(()),
            wanted => Err(format!("expected string {wanted:?}, got {text:?}")),
        },
        Outcome::Scalar(sample) => scalar(expected, sample),
        Outcome::Vector(series) => vector(expected, series),
        Outcome::Matrix(series) => {
            let Some(span) = range.or(expected.range) else {
                return Err("expected an instant vector, got a range vector".to_owned());
            };
            matrix(expected, series, span)
        }
    }
}

fn scalar(expected: &Expectations, sample: &Sample) -> Verdict {
    let wanted = match (expected.number, expected.series.as_slice()) {
        (Some(number), []) => number,
        (None, [(_, values)]) => match values.as_slice() {
            [
                DescribedValue {
                    value: Some(Value::Float(value)),
                    ..
                },
            ] => *value,
            _ => return Err("expected a vector, got a scalar".to_owned()),
        },
        _ => return Err("expected a vector, got a scalar".to_owned()),
    };
    match sample.value {
        Value::Float(value) if equal(wanted, value) => Ok(()),
        ref value => Err(format!("expected {wanted}, got {}", shown(value))),
    }
}

fn vector(expected: &Expectations, series: &[Series]) -> Verdict {
    if expected.number.is_some() {
        return Err(format!(
            "expected a scalar, got a vector: {}",
            listed(series)
        ));
    }
    if expected.series.len() != series.len() {
        return Err(format!(
            "expected {} series, got {}: {}",
            expected.series.len(),
            series.len(),
            listed(series)
        ));
    }
    for (at, one) in series.iter().enumerate() {
        let position = expected
            .series
            .iter()
            .position(|(labels, _)| *labels == one.labels);
        let Some(position) = position else {
            return Err(format!(
                "unexpected series {} in {}",
                one.labels,
                listed(series)
            ));
        };
        if expected.ordered && position != at {
            return Err(format!(
                "expected {} at position {}, got it at {}",
                one.labels,
                position + 1,
                at + 1
            ));
        }
        let wanted = expected.series[position].1.first();
        let Some((wanted, got)) = wanted.zip(one.samples.first()) else {
            return Err(format!("no value for {}", one.labels));
        };
        value(&one.labels, wanted, &got.value)?;
    }
    Ok(())
}

fn matrix(expected: &Expectations, series: &[Series], span: Span) -> Verdict {
    if expected.ordered {
        return Err("expected an order, but a range query has none".to_owned());
    }
    if series
        .windows(2)
        .any(|pair| pair[0].labels > pair[1].labels)
    {
        return Err("series are not sorted by labels".to_owned());
    }
    for one in series {
        if !expected
            .series
            .iter()
            .any(|(labels, _)| *labels == one.labels)
        {
            return Err(format!(
                "unexpected series {}: {}",
                one.labels,
                listed(series)
            ));
        }
    }
    for (labels, values) in &expected.series {
        let got = series.iter().find(|one| one.labels == *labels);
        let mut samples = got.map_or(&[][..], |one| &one.samples).iter();
        for (at, wanted) in values.iter().enumerate() {
            let Some(_) = wanted.value else {
                continue;
            };
            let time = span.from + i64::try_from(at).unwrap_or(i64::MAX) * span.step.max(1);
            match samples.next() {
                Some(sample) if sample.time_ms == time => value(labels, wanted, &sample.value)
                    .map_err(|reason| format!("{reason} at {time} ms; got {}", listed(series)))?,
                Some(sample) => {
                    return Err(format!(
                        "expected a value of {labels} at {time} ms, got one at {} ms; got {}",
                        sample.time_ms,
                        listed(series)
                    ));
                }
                None => {
                    return Err(format!(
                        "no value of {labels} at {time} ms; got {}",
                        listed(series)
                    ));
                }
            }
        }
        if let Some(sample) = samples.next() {
            return Err(format!(
                "unexpected value of {labels} at {} ms; got {}",
                sample.time_ms,
                listed(series)
            ));
        }
    }
    Ok(())
}

fn value(labels: &Labels, wanted: &DescribedValue, got: &Value) -> Verdict {
    let Some(expected) = &wanted.value else {
        return Err(format!(
            "expected no value for {labels}, got {}",
            shown(got)
        ));
    };
    let same = match (expected, got) {
        (Value::Float(a), Value::Float(b)) => equal(*a, *b),
        (Value::Histogram(a), Value::Histogram(b)) => {
            histograms_equal(&a.compacted(), &b.compacted(), wanted.says_hint)
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(format!(
        "expected {} for {labels}, got {}",
        shown(expected),
        shown(got)
    ))
}

fn equal(a: f64, b: f64) -> bool {
    ondol_query::almost_equal(a, b, EPSILON)
}

fn histograms_equal(a: &Histogram, b: &Histogram, with_hint: bool) -> bool {
    let lists =
        |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(*a, *b));
    a.schema == b.schema
        && (!with_hint || a.reset_hint == b.reset_hint)
        && equal(a.count, b.count)
        && equal(a.sum, b.sum)
        && equal(a.zero_threshold, b.zero_threshold)
        && equal(a.zero_count, b.zero_count)
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && lists(&a.positive_buckets, &b.positive_buckets)
        && lists(&a.negative_buckets, &b.negative_buckets)
        && lists(&a.custom_values, &b.custom_values)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Float(value) => value.to_string(),
        Value::Histogram(value) => {
            format!("{value} (schema {}, {:?})", value.schema, value.reset_hint)
        }
    }
}

fn listed(series: &[Series]) -> String {
    let list: Vec<String> = series
        .iter()
        .take(10)
        .map(|one| {
            let values: Vec<String> = one
                .samples
                .iter()
                .take(20)
                .map(|sample| format!("{}@{}", shown(&sample.value), sample.time_ms))
                .collect();
            format!("{} {}", one.labels, values.join(" "))
        })
        .collect();
    list.join("; ")
}
