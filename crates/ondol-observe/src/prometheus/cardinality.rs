//! `/api/v1/status/tsdb`: which names and labels have the most series.

use std::collections::{BTreeMap, BTreeSet};

use ondol_query::METRIC_NAME;
use serde_json::{Value, json};

use super::envelope::Failure;
use super::query::limit;
use crate::server::Params;
use crate::shared::Shared;

/// So many of each kind, when nobody says.
const MOST: usize = 10;

pub(super) fn tsdb(params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let most = match limit(params)? {
        0 => MOST,
        most => most,
    };
    let samples = shared.stores.samples.read();
    let mut by_metric: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_pair: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    samples.each_series(|labels| {
        for (name, value) in labels {
            *by_pair.entry((name, value)).or_default() += 1;
            if name == METRIC_NAME {
                *by_metric.entry(value).or_default() += 1;
            }
        }
    });
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in by_pair.keys() {
        values.entry(name).or_default().insert(value);
    }
    let count = values
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.len()));
    let bytes = values.iter().map(|(name, values)| {
        let bytes: usize = values.iter().map(|value| value.len()).sum();
        ((*name).to_owned(), bytes)
    });
    let metrics = by_metric
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    let pairs = by_pair
        .iter()
        .map(|((name, value), count)| (format!("{name}={value}"), *count));
    let (from_ms, to_ms) = samples.head_span_ms().unwrap_or_default();
    Ok(json!({
        "headStats": {
            "numSeries": samples.status().series,
            "numLabelPairs": by_pair.len(),
            // There are no chunks here; tools want the number all the same.
            "chunkCount": 0,
            "minTime": from_ms,
            "maxTime": to_ms,
        },
        "seriesCountByMetricName": greatest(metrics, most),
        "labelValueCountByLabelName": greatest(count, most),
        "memoryInBytesByLabelName": greatest(bytes, most),
        "seriesCountByLabelValuePair": greatest(pairs, most),
    }))
}

fn greatest(counts: impl Iterator<Item = (String, usize)>, most: usize) -> Vec<Value> {
    let mut counts: Vec<(String, usize)> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown = counts.into_iter().take(most);
    shown
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_and_equal_ones_by_name() {
        let counts = [("b", 2), ("a", 2), ("c", 9), ("d", 1)];
        let counts = counts
            .map(|(name, count)| (name.to_owned(), count))
            .into_iter();
        let names: Vec<String> = greatest(counts, 3)
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
    }
}
