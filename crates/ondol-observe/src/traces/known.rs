//! What is known of services without looking at spans: their names, their operations, and who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use ondol_ingest::SpanKind;
use ondol_query::{Labels, Matcher, Sample, Selection, Source, SourceError, Value};

use super::red::{CALLS, kind_of};
use crate::shared::Shared;

/// A counter that is told every minute was there before when its first sample is not later than that.
const TOLD_MS: i64 = 90_000;
/// How far back names are looked for.
const NAMES_MS: i64 = 7 * 24 * 3600 * 1000;

/// Calls of one service to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
}

/// All services that sent spans.
pub(crate) fn services(shared: &Shared, now_ms: i64) -> Result<BTreeSet<String>, SourceError> {
    let counting = shared.traces.counting().red.services();
    let mut services: BTreeSet<String> = counting.iter().map(ToString::to_string).collect();
    let matchers = [Matcher::equal("__name__", CALLS)];
    for labels in series(&matchers, shared, now_ms)? {
        services.insert(labels.get("service").to_owned());
    }
    Ok(services)
}

/// The operations of a service.
pub(crate) fn operations(
    service: &str,
    shared: &Shared,
    now_ms: i64,
) -> Result<BTreeSet<(String, SpanKind)>, SourceError> {
    let counting = shared.traces.counting().red.operations(service);
    let mut operations: BTreeSet<(String, SpanKind)> = (counting.into_iter())
        .map(|(name, kind)| (name.to_string(), kind))
        .collect();
    let matchers = [
        Matcher::equal("__name__", CALLS),
        Matcher::equal("service", service),
    ];
    for labels in series(&matchers, shared, now_ms)? {
        let kind = kind_of(labels.get("span_kind"));
        operations.insert((labels.get("span_name").to_owned(), kind));
    }
    Ok(operations)
}

/// Who called whom between two moments, by caller and callee.
pub(crate) fn calls(
    start_ms: i64,
    end_ms: i64,
    shared: &Shared,
) -> Result<BTreeMap<(String, String), Calls>, SourceError> {
    let mut calls: BTreeMap<(String, String), Calls> = BTreeMap::new();
    for (name, is_failed) in [("request", false), ("request_failed", true)] {
        let name = format!("traces_service_graph_{name}_total");
        let matchers = [Matcher::equal("__name__", &name)];
        let selection = selection(&matchers, start_ms, end_ms, "increase");
        for selected in shared.stores.samples.select(&selection)? {
            let mut samples = Vec::new();
            let mut from = selected.samples;
            while from.read(&mut samples)? {}
            let increase = increase(&samples, start_ms);
            let label = |name| selected.labels.get(name).to_owned();
            let edge = calls.entry((label("client"), label("server"))).or_default();
            match is_failed {
                true => edge.failed += increase,
                false => edge.calls += increase,
            }
        }
    }
    calls.retain(|_, edge| edge.calls > 0);
    Ok(calls)
}

/// How much a counter rose. One that begins after `start_ms` rose from nothing.
fn increase(samples: &[Sample], start_ms: i64) -> u64 {
    let mut before: Option<f64> = None;
    let mut sum = 0.0;
    for sample in samples {
        let Value::Float(value) = sample.value else {
            continue;
        };
        if value.is_nan() {
            continue;
        }
        let is_new = sample.time_ms > start_ms.saturating_add(TOLD_MS);
        sum += match before {
            None if is_new => value,
            None => 0.0,
            Some(before) if value < before => value,
            Some(before) => value - before,
        };
        before = Some(value);
    }
    sum.round() as u64
}

fn series(matchers: &[Matcher], shared: &Shared, now_ms: i64) -> Result<Vec<Labels>, SourceError> {
    let selection = selection(matchers, now_ms.saturating_sub(NAMES_MS), now_ms, "series");
    let selected = shared.stores.samples.select(&selection)?;
    Ok(selected.into_iter().map(|series| series.labels).collect())
}

fn selection<'a>(
    matchers: &'a [Matcher],
    start_ms: i64,
    end_ms: i64,
    function: &'a str,
) -> Selection<'a> {
    Selection {
        matchers,
        start_ms,
        end_ms,
        step_ms: 0,
        range_ms: 0,
        function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_begins_or_begins_anew_rose_from_nothing() {
        let of = |pairs: &[(i64, f64)]| -> Vec<Sample> {
            pairs
                .iter()
                .map(|(at, value)| Sample::float(*at, *value))
                .collect()
        };
        assert_eq!(increase(&of(&[(1000, 5.0), (2000, 8.0)]), 0), 3);
        assert_eq!(increase(&of(&[(100_000, 5.0), (200_000, 8.0)]), 0), 8);
        assert_eq!(
            increase(&of(&[(1000, 5.0), (2000, 2.0), (3000, 4.0)]), 0),
            4
        );
        assert_eq!(increase(&[], 0), 0);
    }
}
