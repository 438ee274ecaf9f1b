//! Counters with a histogram of durations, and how they become series.

use std::sync::Arc;

use ondol_model::Histogram;
use ondol_query::{Labels, Value};
use ondol_telemetry::Pushed;

/// Upper bounds of the buckets in seconds, as Tempo's metrics generator has them.
const BOUNDS: [f64; 12] = [
    0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.02, 2.05, 4.1,
];

/// Durations by bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations {
    /// The last one is for what is longer.
    buckets: [u64; BOUNDS.len() + 1],
    sum_seconds: f64,
}

impl Durations {
    pub(super) fn add(&mut self, duration_ns: u64) {
        let seconds = duration_ns as f64 / 1e9;
        let at = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.sum_seconds += seconds;
    }

    /// Those that somebody else has counted.
    pub(super) fn add_all(&mut self, durations: &Histogram) {
        let mut before = 0;
        let below = durations.cumulative(BOUNDS).into_iter();
        for (bucket, below) in self
            .buckets
            .iter_mut()
            .zip(below.chain([durations.count()]))
        {
            *bucket += below - before;
            before = below;
        }
        self.sum_seconds += durations.sum_ns() as f64 / 1e9;
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// `NAME_bucket`, `NAME_sum` and `NAME_count`.
    pub(super) fn push(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        at_ms: i64,
        into: &mut Vec<Pushed>,
    ) {
        let mut below = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(self.buckets) {
            below += count;
            let with_le = [labels, &[("le", bound.as_str())]].concat();
            into.push(pushed(
                &format!("{name}_bucket"),
                &with_le,
                below as f64,
                at_ms,
            ));
        }
        into.push(pushed(
            &format!("{name}_sum"),
            labels,
            self.sum_seconds,
            at_ms,
        ));
        into.push(pushed(
            &format!("{name}_count"),
            labels,
            below as f64,
            at_ms,
        ));
    }
}

/// A sample of a series.
pub(crate) fn pushed(name: &str, labels: &[(&str, &str)], value: f64, at_ms: i64) -> Pushed {
    let named = [&[("__name__", name)], labels].concat();
    // An empty label is none.
    let named: Vec<(&str, &str)> = named
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    Pushed {
        labels: Labels::of(&named),
        at_ms,
        value: Value::Float(value),
    }
}

/// When a counter was told last, which is 0 before that, and whether it has to be told again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling {
    is_new: bool,
    told_ms: i64,
    changed_ms: i64,
}

/// A counter that does not change is told again before queries take it for gone (5 minutes).
const AGAIN_MS: i64 = 60_000;
/// One that did not change for so long is forgotten.
const FORGOTTEN_MS: i64 = 3_600_000;

impl Telling {
    pub(crate) fn change(&mut self, now_ms: i64) {
        self.is_new = true;
        self.changed_ms = now_ms;
    }

    /// Whether it has to be told now; then it counts as told.
    pub(crate) fn is_due(&mut self, now_ms: i64) -> bool {
        let is_due = self.is_new || now_ms.abs_diff(self.told_ms) >= AGAIN_MS.unsigned_abs();
        if is_due {
            self.is_new = false;
            self.told_ms = now_ms;
        }
        is_due
    }

    /// Whether it was never told.
    pub(crate) fn begins(&self) -> bool {
        self.told_ms == 0
    }

    pub(crate) fn is_forgotten(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.changed_ms) > FORGOTTEN_MS
    }
}

/// A name that many counters have.
pub(crate) type Name = Arc<str>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_all_buckets_that_they_fit_in() {
        let mut durations = Durations::default();
        for ms in [1, 2, 3, 5000] {
            durations.add(ms * 1_000_000);
        }
        let mut series = Vec::new();
        durations.push("d", &[("service", "web"), ("project", "")], 7, &mut series);
        let value = |name: &str, le: &str| {
            let found = series
                .iter()
                .find(|s| s.labels.metric_name() == name && s.labels.get("le") == le);
            match found.unwrap().value {
                Value::Float(value) => value,
                Value::Histogram(_) => panic!("a histogram"),
            }
        };
        assert_eq!(value("d_bucket", "0.002"), 2.0);
        assert_eq!(value("d_bucket", "0.004"), 3.0);
        assert_eq!(value("d_bucket", "4.1"), 3.0);
        assert_eq!(value("d_bucket", "+Inf"), 4.0);
        assert_eq!(value("d_count", ""), 4.0);
        assert!((value("d_sum", "") - 5.006).abs() < 1e-9);
        assert!(series.iter().all(|s| s.labels.find("project").is_none()));
    }

    #[test]
    fn a_counter_is_told_when_it_changed_and_now_and_then() {
        let mut telling = Telling::default();
        telling.change(1_000_000);
        assert!(telling.is_due(1_000_000) && !telling.is_due(1_005_000));
        assert!(telling.is_due(1_060_000));
        assert!(!telling.is_forgotten(1_060_000) && telling.is_forgotten(5_000_000));
    }
}
