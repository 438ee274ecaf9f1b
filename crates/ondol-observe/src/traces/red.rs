//! Requests, errors and durations of each operation of each service: `traces_spanmetrics_*`.

use std::collections::{BTreeMap, BTreeSet};

use ondol_ingest::{Span, SpanKind, SpanStatus};
use ondol_model::{Histogram, ServiceRef};
use ondol_telemetry::Pushed;

use super::counts::{Durations, Name, Telling, pushed};

/// Operations that are counted apart; what comes after them is counted as one.
const KEYS_MAX: usize = 500;
/// What they are counted as.
const OTHER: &str = "(other)";

/// The series of calls.
pub(super) const CALLS: &str = "traces_spanmetrics_calls_total";

/// Counters by operation.
#[derive(Default)]
pub(crate) struct Red {
    counts: BTreeMap<Key, Count>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    project: Name,
    service: Name,
    name: Name,
    kind: SpanKind,
    status: SpanStatus,
}

#[derive(Default)]
struct Count {
    durations: Durations,
    telling: Telling,
}

impl Red {
    /// One more.
    pub(crate) fn see(&mut self, span: &Span, now_ms: i64) {
        let key = Key {
            project: span
                .resource_text("service.namespace")
                .unwrap_or_default()
                .into(),
            service: span.service().into(),
            name: span.name.as_str().into(),
            kind: span.kind,
            status: span.status,
        };
        self.count(key, now_ms).add(span.duration_ns);
    }

    /// Requests of one operation of a service that the proxy has counted.
    pub(crate) fn carried(
        &mut self,
        service: &ServiceRef,
        name: &str,
        failed: bool,
        durations: &Histogram,
        now_ms: i64,
    ) {
        let key = Key {
            project: service.project.as_str().into(),
            service: service.service.as_str().into(),
            name: name.into(),
            kind: SpanKind::Server,
            status: match failed {
                true => SpanStatus::Error,
                false => SpanStatus::Unset,
            },
        };
        self.count(key, now_ms).add_all(durations);
    }

    fn count(&mut self, mut key: Key, now_ms: i64) -> &mut Durations {
        if self.counts.len() >= KEYS_MAX && !self.counts.contains_key(&key) {
            key.name = OTHER.into();
            if self.counts.len() >= KEYS_MAX * 2 && !self.counts.contains_key(&key) {
                key.service = OTHER.into();
                key.project = "".into();
            }
        }
        let count = self.counts.entry(key).or_default();
        count.telling.change(now_ms);
        &mut count.durations
    }

    /// Services that were seen lately.
    pub(crate) fn services(&self) -> BTreeSet<Name> {
        self.counts.keys().map(|key| key.service.clone()).collect()
    }

    /// Operations of a service that were seen lately, with their kinds.
    pub(crate) fn operations(&self, service: &str) -> BTreeSet<(Name, SpanKind)> {
        let of_service = self.counts.keys().filter(|key| &*key.service == service);
        of_service.map(|key| (key.name.clone(), key.kind)).collect()
    }

    pub(super) fn due(&mut self, now_ms: i64) -> Vec<Pushed> {
        let mut due = Vec::new();
        self.counts
            .retain(|_, count| !count.telling.is_forgotten(now_ms));
        for (key, count) in &mut self.counts {
            if !count.telling.is_due(now_ms) {
                continue;
            }
            let (kind, status) = (kind_word(key.kind), status_word(key.status));
            let labels = [
                ("project", &*key.project),
                ("service", &*key.service),
                ("span_name", &*key.name),
                ("span_kind", kind),
                ("status_code", status),
            ];
            let calls = count.durations.count() as f64;
            due.push(pushed(CALLS, &labels, calls, now_ms));
            (count.durations).push("traces_spanmetrics_latency", &labels, now_ms, &mut due);
        }
        due
    }
}

/// As protobuf calls it, which is what the metrics of others have too.
fn kind_word(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

/// The kind of such a word.
pub(super) fn kind_of(word: &str) -> SpanKind {
    SpanKind::from_word(word.trim_start_matches("SPAN_KIND_"))
}

fn status_word(status: SpanStatus) -> &'static str {
    match status {
        SpanStatus::Unset => "STATUS_CODE_UNSET",
        SpanStatus::Ok => "STATUS_CODE_OK",
        SpanStatus::Error => "STATUS_CODE_ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_beyond_the_bound_are_counted_as_one() {
        let mut red = Red::default();
        for number in 0..KEYS_MAX * 3 {
            let span = Span {
                name: format!("GET /{number}"),
                ..Span::default()
            };
            red.see(&span, 5);
        }
        assert_eq!(red.counts.len(), KEYS_MAX + 1);
        let due = red.due(5);
        let calls = due.iter().filter(|s| s.labels.metric_name() == CALLS);
        let other: Vec<_> = calls
            .filter(|s| s.labels.get("span_name") == OTHER)
            .collect();
        assert!(
            matches!(other[0].value, ondol_query::Value::Float(v) if v == (KEYS_MAX * 2) as f64)
        );
        assert!(red.due(6).is_empty());
    }
}
