//! Values as Prometheus writes them in JSON: moments in seconds, numbers as texts.

use std::io::Write;

use ondol_query::promql::{Outcome, Series};
use ondol_query::{Histogram, Labels, Sample, Value};

/// Writes what a query came to: its type and its values.
pub(super) fn outcome(outcome: &Outcome, time_ms: i64, into: &mut Vec<u8>) {
    let (kind, series): (&str, &[Series]) = match outcome {
        Outcome::Scalar(sample) => {
            into.extend_from_slice(br#"{"resultType":"scalar","result":"#);
            pair(sample, into);
            into.push(b'}');
            return;
        }
        Outcome::String(string) => {
            into.extend_from_slice(br#"{"resultType":"string","result":["#);
            moment(time_ms, into);
            into.push(b',');
            text(string, into);
            into.extend_from_slice(b"]}");
            return;
        }
        Outcome::Vector(series) => ("vector", series),
        Outcome::Matrix(series) => ("matrix", series),
    };
    into.extend_from_slice(format!("{{\"resultType\":\"{kind}\",\"result\":[").as_bytes());
    for (at, series) in series.iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        into.extend_from_slice(br#"{"metric":"#);
        labels(&series.labels, into);
        match kind {
            "vector" => latest(series, into),
            _ => all(series, into),
        }
        into.push(b'}');
    }
    into.extend_from_slice(b"]}");
}

fn latest(series: &Series, into: &mut Vec<u8>) {
    let Some(sample) = series.samples.last() else {
        return;
    };
    into.extend_from_slice(match sample.value {
        Value::Float(_) => br#","value":"#,
        Value::Histogram(_) => br#","histogram":"#,
    });
    pair(sample, into);
}

fn all(series: &Series, into: &mut Vec<u8>) {
    let is_float = |sample: &&Sample| matches!(sample.value, Value::Float(_));
    let floats = series.samples.iter().filter(is_float);
    let histograms = series.samples.iter().filter(|sample| !is_float(sample));
    pairs("values", floats, into);
    pairs("histograms", histograms, into);
}

fn pairs<'a>(name: &str, samples: impl Iterator<Item = &'a Sample>, into: &mut Vec<u8>) {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return;
    }
    into.extend_from_slice(format!(",\"{name}\":[").as_bytes());
    for (at, sample) in samples.enumerate() {
        if at > 0 {
            into.push(b',');
        }
        pair(sample, into);
    }
    into.push(b']');
}

fn pair(sample: &Sample, into: &mut Vec<u8>) {
    into.push(b'[');
    moment(sample.time_ms, into);
    into.push(b',');
    match &sample.value {
        Value::Float(value) => number(*value, into),
        Value::Histogram(value) => histogram(value, into),
    }
    into.push(b']');
}

pub(crate) fn labels(labels: &Labels, into: &mut Vec<u8>) {
    into.push(b'{');
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            into.push(b',');
        }
        text(&label.name, into);
        into.push(b':');
        text(&label.value, into);
    }
    into.push(b'}');
}

pub(super) fn text(text: &str, into: &mut Vec<u8>) {
    // Memory takes everything.
    let _ = serde_json::to_writer(into, text);
}

/// Seconds, with three digits behind the point where there are any.
pub(super) fn moment(ms: i64, into: &mut Vec<u8>) {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    let _ = match rest {
        0 => write!(into, "{sign}{seconds}"),
        _ => write!(into, "{sign}{seconds}.{rest:03}"),
    };
}

/// A number as a text; very large and very small ones with an exponent.
pub(crate) fn number(value: f64, into: &mut Vec<u8>) {
    into.push(b'"');
    plain(value, into);
    into.push(b'"');
}

/// A number as Go writes it.
pub(super) fn plain(value: f64, into: &mut Vec<u8>) {
    let magnitude = value.abs();
    let _ = match value {
        value if value.is_nan() => write!(into, "NaN"),
        f64::INFINITY => write!(into, "+Inf"),
        f64::NEG_INFINITY => write!(into, "-Inf"),
        value if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) => {
            let shown = format!("{value:e}");
            let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
            let sign = if exponent.starts_with('-') { '-' } else { '+' };
            write!(
                into,
                "{digits}e{sign}{:0>2}",
                exponent.trim_start_matches('-')
            )
        }
        value => write!(into, "{value}"),
    };
}

pub(crate) fn histogram(histogram: &Histogram, into: &mut Vec<u8>) {
    into.extend_from_slice(br#"{"count":"#);
    number(histogram.count, into);
    into.extend_from_slice(br#","sum":"#);
    number(histogram.sum, into);
    let mut first = true;
    for bucket in histogram.rising().filter(|bucket| bucket.count != 0.0) {
        into.extend_from_slice(if first { br#","buckets":["# } else { b"," });
        first = false;
        let ends = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        };
        let _ = write!(into, "[{ends},");
        number(bucket.lower, into);
        into.push(b',');
        number(bucket.upper, into);
        into.push(b',');
        number(bucket.count, into);
        into.push(b']');
    }
    if !first {
        into.push(b']');
    }
    into.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_are_written_as_prometheus_writes_them() {
        let shown = |value| {
            let mut into = Vec::new();
            plain(value, &mut into);
            String::from_utf8(into).unwrap()
        };
        let numbers = [
            0.1,
            -0.0,
            1e21,
            1.5e-7,
            123_456_789.0,
            f64::NAN,
            f64::NEG_INFINITY,
        ];
        assert_eq!(
            numbers.map(shown).join(" "),
            "0.1 -0 1e+21 1.5e-07 123456789 NaN -Inf"
        );
        let mut into = Vec::new();
        [1000, 1500, -7, 0].iter().for_each(|ms| {
            moment(*ms, &mut into);
            into.push(b' ');
        });
        assert_eq!(into, b"1 1.500 -0.007 0 ");
    }
}
