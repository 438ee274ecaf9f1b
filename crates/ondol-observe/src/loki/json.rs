//! Answers to queries in Loki's shapes.

use std::collections::BTreeMap;
use std::time::Duration;

use ondol_query::Labels;
use ondol_query::logql::{Kept, Outcome, Series, Statistics};
use serde_json::{Map, Value, json};

/// What is asked of the shape: labels apart from structured metadata and from what was parsed.
pub(super) const CATEGORIZE: &str = "categorize-labels";

/// The data of an answer.
pub(super) fn data(
    outcome: &Outcome,
    statistics: &Statistics,
    took: Duration,
    categorize: bool,
) -> Value {
    let (kind, result) = match outcome {
        Outcome::Lines(lines) => ("streams", streams(lines, categorize)),
        Outcome::Scalar(at_ns, value) => ("scalar", point(*at_ns, *value)),
        Outcome::Vector(all) => {
            let first = |series: &Series| {
                let (at_ns, value) = series.points.first().copied().unwrap_or_default();
                json!({"metric": labels(&series.labels), "value": point(at_ns, value)})
            };
            ("vector", all.iter().map(first).collect())
        }
        Outcome::Matrix(all) => {
            let points = |series: &Series| {
                let points = series.points.iter();
                let points: Vec<Value> =
                    points.map(|(at_ns, value)| point(*at_ns, *value)).collect();
                json!({"metric": labels(&series.labels), "values": points})
            };
            ("matrix", all.iter().map(points).collect())
        }
    };
    let mut data = json!({
        "resultType": kind,
        "result": result,
        "stats": stats(outcome, statistics, took),
    });
    if let (true, Some(data)) = (categorize, data.as_object_mut()) {
        data.insert("encodingFlags".to_owned(), json!([CATEGORIZE]));
    }
    data
}

pub(super) fn labels(labels: &Labels) -> Value {
    let pair = |label: &ondol_query::Label| (label.name.to_string(), Value::from(&*label.value));
    Value::Object(labels.iter().map(pair).collect())
}

/// Seconds, and the value as text.
pub(super) fn point(at_ns: i64, value: f64) -> Value {
    let ms = at_ns.div_euclid(1_000_000);
    let seconds = match ms % 1000 {
        0 => Value::from(ms / 1000),
        _ => Value::from(ms as f64 / 1000.0),
    };
    json!([seconds, number(value)])
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// Lines by their labels, in the order in which they came.
pub(super) fn streams(lines: &[Kept], categorize: bool) -> Value {
    let mut streams: BTreeMap<Vec<&(String, String)>, Vec<Value>> = BTreeMap::new();
    for line in lines {
        let mut names: Vec<&(String, String)> = line.stream.iter().collect();
        let mut value = vec![json!(line.at_ns.to_string()), json!(line.line)];
        if categorize {
            let mut said = Map::new();
            for (kind, pairs) in [
                ("structuredMetadata", &line.metadata),
                ("parsed", &line.parsed),
            ] {
                if !pairs.is_empty() {
                    said.insert(kind.to_owned(), object(pairs));
                }
            }
            value.push(Value::Object(said));
        } else {
            names.extend(line.metadata.iter().chain(&line.parsed));
            names.sort();
        }
        streams.entry(names).or_default().push(Value::Array(value));
    }
    (streams.into_iter())
        .map(|(names, values)| json!({"stream": object(names), "values": values}))
        .collect()
}

fn object<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> Value {
    let pair = |(name, value): &(String, String)| (name.clone(), Value::from(value.as_str()));
    Value::Object(pairs.into_iter().map(pair).collect())
}

fn stats(outcome: &Outcome, statistics: &Statistics, took: Duration) -> Value {
    let seconds = took.as_secs_f64();
    let per_second = |count: u64| (count as f64 / seconds.max(1e-6)) as u64;
    let returned = match outcome {
        Outcome::Lines(lines) => lines.len(),
        Outcome::Scalar(..) => 1,
        Outcome::Vector(all) | Outcome::Matrix(all) => all.len(),
    };
    json!({"summary": {
        "bytesProcessedPerSecond": per_second(statistics.bytes_read),
        "linesProcessedPerSecond": per_second(statistics.lines_read),
        "totalBytesProcessed": statistics.bytes_read,
        "totalLinesProcessed": statistics.lines_read,
        "execTime": seconds,
        "queueTime": 0.0,
        "subqueries": 0,
        "totalEntriesReturned": returned,
        "splits": 0,
        "shards": 0,
        "totalPostFilterLines": statistics.lines_kept,
    }})
}
