//! What the proxy counted, as series.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{Histogram, Origin, Red, RedKey, ReplicaId, Signals};
use ondol_query::{Labels, Span, Value};
use ondol_telemetry::Pushed;

use crate::traces::{Name, Telling, pushed};

/// How often counters are told to the metrics.
const TELL_MS: u64 = 5000;
/// Combinations of labels that are counted; what comes after them is not, which is counted.
const KEYS_MAX: usize = 2000;
/// Upper bounds of buckets in seconds, as OpenTelemetry advises (semantic conventions, "HTTP metrics").
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const DURATION: &str = "http_server_request_duration_seconds";

/// Counters, which only grow, and what is on its way.
#[derive(Default)]
pub(crate) struct Series {
    durations: BTreeMap<Of, (Histogram, Telling)>,
    answers: BTreeMap<Of, (Red, Telling)>,
    loads: BTreeMap<ReplicaId, (u64, Telling)>,
    records_dropped: u64,
    rows_dropped: u64,
    lines_dropped: u64,
    told_ms: i64,
}

/// What requests are counted by. What is not known is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of {
    project: Name,
    service: Name,
    replica: Name,
    route: Name,
    from: Name,
    failed: bool,
}

impl Of {
    fn new(key: &RedKey) -> Self {
        let text = |text: &str| Name::from(text);
        let service = key.service.as_ref();
        let replica = key.replica.as_ref().map_or_else(String::new, name_of);
        let route = match &key.origin {
            Origin::Port(port) => format!("port {port}"),
            origin => origin.route().unwrap_or_default().to_owned(),
        };
        Of {
            project: text(service.map_or("", |service| service.project.as_str())),
            service: text(service.map_or("", |service| service.service.as_str())),
            replica: replica.into(),
            route: route.into(),
            from: text(key.origin.caller().map_or("", |caller| caller.as_str())),
            failed: key.failed,
        }
    }

    fn labels(&self) -> [(&str, &str); 5] {
        [
            ("project", &self.project),
            ("service", &self.service),
            ("replica", &self.replica),
            ("route", &self.route),
            ("from", &self.from),
        ]
    }
}

impl Series {
    pub(super) fn see(&mut self, signals: &Signals, now_ms: i64) {
        self.records_dropped += signals.records_dropped;
        self.rows_dropped += signals.rows_dropped;
        self.lines_dropped += signals.lines_dropped;
        for (key, red) in &signals.red {
            let of = Of::new(key);
            if self.answers.len() >= KEYS_MAX && !self.answers.contains_key(&of) {
                self.rows_dropped += red.requests();
                continue;
            }
            // How long it took is not told for each replica: there are many series of it already.
            let all = Of {
                replica: "".into(),
                ..of.clone()
            };
            let (durations, telling) = self.durations.entry(all).or_default();
            durations.add(&red.latency);
            telling.change(now_ms);
            let (answers, telling) = self.answers.entry(of).or_default();
            answers.add(red);
            telling.change(now_ms);
        }
        for (load, telling) in self.loads.values_mut().filter(|(load, _)| *load > 0) {
            *load = 0;
            telling.change(now_ms);
        }
        for load in &signals.loads {
            let (now, telling) = self.loads.entry(load.replica.clone()).or_default();
            *now += load.in_flight;
            telling.change(now_ms);
        }
    }

    /// The series that are due, as of now: every few seconds those that changed.
    pub(super) fn due(&mut self, now_ms: i64) -> Vec<Pushed> {
        let mut due = Vec::new();
        if now_ms.abs_diff(self.told_ms) < TELL_MS {
            return due;
        }
        self.told_ms = now_ms;
        self.durations
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        self.answers
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        self.loads
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        for (of, (durations, telling)) in &mut self.durations {
            if telling.is_due(now_ms) {
                push_durations(of, durations, now_ms, &mut due);
            }
        }
        for (of, (answers, telling)) in &mut self.answers {
            if telling.is_due(now_ms) {
                push_answers(of, answers, now_ms, &mut due);
            }
        }
        for (replica, (load, telling)) in &mut self.loads {
            if telling.is_due(now_ms) {
                let labels = [
                    ("project", replica.project.as_str()),
                    ("service", replica.service.as_str()),
                    ("replica", &name_of(replica)),
                ];
                due.push(pushed(
                    "ondol_proxy_in_flight",
                    &labels,
                    *load as f64,
                    now_ms,
                ));
            }
        }
        if !due.is_empty() {
            self.push_dropped(now_ms, &mut due);
        }
        due
    }

    fn push_dropped(&self, now_ms: i64, due: &mut Vec<Pushed>) {
        for (what, count) in [
            ("records", self.records_dropped),
            ("requests", self.rows_dropped),
            ("log_lines", self.lines_dropped),
        ] {
            let labels = [("what", what)];
            due.push(pushed(
                "ondol_proxy_dropped_total",
                &labels,
                count as f64,
                now_ms,
            ));
        }
    }
}

fn name_of(replica: &ReplicaId) -> String {
    format!("{}-{}", replica.service, replica.number)
}

/// Classic buckets, and the native histogram.
fn push_durations(of: &Of, durations: &Histogram, at_ms: i64, due: &mut Vec<Pushed>) {
    let failed = [("failed", if of.failed { "true" } else { "" })];
    let labels = [&of.labels()[..], &failed].concat();
    let counts = durations.cumulative(BOUNDS).into_iter();
    let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(counts.chain([durations.count()])) {
        let with_le = [&labels[..], &[("le", bound.as_str())]].concat();
        let name = format!("{DURATION}_bucket");
        due.push(pushed(&name, &with_le, count as f64, at_ms));
    }
    let (count, sum) = (durations.count() as f64, durations.sum_ns() as f64 / 1e9);
    due.push(pushed(&format!("{DURATION}_count"), &labels, count, at_ms));
    due.push(pushed(&format!("{DURATION}_sum"), &labels, sum, at_ms));
    let named = [&[("__name__", DURATION)], &labels[..]].concat();
    let named: Vec<_> = (named.into_iter().filter(|(_, value)| !value.is_empty())).collect();
    due.push(Pushed {
        labels: Labels::of(&named),
        at_ms,
        value: Value::Histogram(Arc::new(native(durations))),
    });
}

fn native(durations: &Histogram) -> ondol_query::Histogram {
    let mut spans: Vec<Span> = Vec::new();
    let mut counts = Vec::new();
    let mut next = 0;
    for (index, count) in durations.buckets() {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(Span {
                offset: index - next,
                length: 1,
            }),
        }
        counts.push(count as f64);
        next = index + 1;
    }
    ondol_query::Histogram {
        schema: Histogram::SCHEMA.into(),
        count: durations.count() as f64,
        sum: durations.sum_ns() as f64 / 1e9,
        positive_spans: spans,
        positive_buckets: counts,
        ..ondol_query::Histogram::default()
    }
}

fn push_answers(of: &Of, answers: &Red, at_ms: i64, due: &mut Vec<Pushed>) {
    let labels = of.labels();
    let failed = [("failed", if of.failed { "true" } else { "" })];
    let labels = [&labels[..], &failed].concat();
    let mut push = |name: &str, more: &[(&str, &str)], count: u64| {
        let labels = [&labels[..], more].concat();
        due.push(pushed(name, &labels, count as f64, at_ms));
    };
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    for (class, count) in classes.into_iter().zip(answers.statuses) {
        if count > 0 {
            push("ondol_proxy_requests_total", &[("status", class)], count);
        }
    }
    for (reason, count) in &answers.reasons {
        push(
            "ondol_proxy_reasons_total",
            &[("reason", reason.word())],
            *count,
        );
    }
    push("ondol_proxy_request_bytes_total", &[], answers.bytes_in);
    push("ondol_proxy_response_bytes_total", &[], answers.bytes_out);
}
