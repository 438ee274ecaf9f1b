//! What the proxy counted, as series.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ondol_model::{Histogram, Origin, Red, RedKey, ReplicaId, Signals};
use ondol_query::{Labels, METRIC_NAME, MatchOp, Matcher, Selection, Source, Span, Value};
use ondol_telemetry::{Pushed, SharedSamples};

use crate::traces::{Name, Telling, pushed};

/// How often counters are told to the metrics.
const TELL_MS: u64 = 5000;
/// Combinations of labels that are counted; what comes after them is not, which is counted.
const KEYS_MAX: usize = 2000;
/// Upper bounds of buckets in seconds, as OpenTelemetry advises (semantic conventions, "HTTP metrics").
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Reports that are counted, by when the proxy began. It is kept together with the counters, so that whoever follows
/// this node knows which reports are in them.
const REPORTS: &str = "ondol_proxy_reports_total";
/// How far it is looked for: a proxy of which nothing was counted for longer begins anew.
const REPORTS_MS: i64 = 24 * 3_600_000;
const DURATION: &str = "http_server_request_duration_seconds";

/// Counters, which only grow, and what is on its way.
#[derive(Default)]
pub(crate) struct Series {
    durations: BTreeMap<Of, (Histogram, Telling)>,
    answers: BTreeMap<Of, (Answers, Telling)>,
    loads: BTreeMap<ReplicaId, (u64, Telling)>,
    /// The number of the last report, by proxy.
    reports: BTreeMap<u64, (u64, Telling)>,
    records_dropped: u64,
    rows_dropped: u64,
    lines_dropped: u64,
    told_ms: i64,
}

/// Answers, and which of their series have begun.
#[derive(Default)]
struct Answers {
    red: Red,
    begun: BTreeSet<&'static str>,
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
    /// Nothing is counted yet, but it is known which reports earlier nodes have counted.
    pub(super) fn found(samples: &SharedSamples, now_ms: i64) -> Self {
        let mut series = Series::default();
        let metric = Matcher::new(METRIC_NAME, MatchOp::Equal, REPORTS);
        let matchers: Vec<_> = metric.into_iter().collect();
        let selection = Selection {
            matchers: &matchers,
            start_ms: now_ms.saturating_sub(REPORTS_MS),
            end_ms: now_ms,
            step_ms: 0,
            range_ms: REPORTS_MS,
            function: "max_over_time",
        };
        // What cannot be read may be counted twice, rather than not at all.
        for mut found in samples.select(&selection).unwrap_or_default() {
            let Ok(proxy) = found.labels.get("proxy").parse() else {
                continue;
            };
            let mut numbers = Vec::new();
            while let Ok(true) = found.samples.read(&mut numbers) {}
            let numbers = numbers.iter().map(|sample| match sample.value {
                Value::Float(number) => number as u64,
                Value::Histogram(_) => 0,
            });
            let (number, telling) = series.reports.entry(proxy).or_default();
            *number = numbers.max().unwrap_or_default();
            telling.change(now_ms);
        }
        series
    }

    /// The number of the last report that is counted, by proxy.
    pub(super) fn counted(&self) -> BTreeMap<u64, u64> {
        let reports = self.reports.iter();
        reports
            .map(|(proxy, (number, _))| (*proxy, *number))
            .collect()
    }

    /// Counts what is in a report, unless that was done.
    pub(super) fn see(&mut self, signals: &Signals, now_ms: i64) -> bool {
        let (last, telling) = self.reports.entry(signals.report.proxy).or_default();
        if signals.report.number <= *last {
            return false;
        }
        *last = signals.report.number;
        telling.change(now_ms);
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
            answers.red.add(red);
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
        true
    }

    /// The series that are due, as of now: every few seconds, and the last time, those that changed.
    pub(super) fn due(&mut self, last: bool, now_ms: i64) -> Vec<Pushed> {
        let mut due = Vec::new();
        if !last && now_ms.abs_diff(self.told_ms) < TELL_MS {
            return due;
        }
        self.told_ms = now_ms;
        self.durations
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        self.answers
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        self.loads
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        self.reports
            .retain(|_, (_, telling)| !telling.is_forgotten(now_ms));
        for (of, (durations, telling)) in &mut self.durations {
            let begins = telling.begins();
            if telling.is_due(now_ms) {
                if begins {
                    push_durations(of, &Histogram::default(), before(now_ms), &mut due);
                }
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
        for (proxy, (number, telling)) in &mut self.reports {
            if telling.is_due(now_ms) {
                let proxy = proxy.to_string();
                let labels = [("proxy", proxy.as_str())];
                due.push(pushed(REPORTS, &labels, *number as f64, now_ms));
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

fn push_answers(of: &Of, answers: &mut Answers, at_ms: i64, due: &mut Vec<Pushed>) {
    let labels = of.labels();
    let failed = [("failed", if of.failed { "true" } else { "" })];
    let labels = [&labels[..], &failed].concat();
    let Answers { red, begun } = answers;
    let mut push = |name: &'static str, more: &[(&str, &'static str)], count: u64| {
        let labels = [&labels[..], more].concat();
        if begun.insert(more.first().map_or(name, |(_, value)| value)) {
            due.push(pushed(name, &labels, 0.0, before(at_ms)));
        }
        due.push(pushed(name, &labels, count as f64, at_ms));
    };
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    for (class, count) in classes.into_iter().zip(red.statuses) {
        if count > 0 {
            push("ondol_proxy_requests_total", &[("status", class)], count);
        }
    }
    for (reason, count) in &red.reasons {
        push(
            "ondol_proxy_reasons_total",
            &[("reason", reason.word())],
            *count,
        );
    }
    push("ondol_proxy_request_bytes_total", &[], red.bytes_in);
    push("ondol_proxy_response_bytes_total", &[], red.bytes_out);
}

/// When a counter was 0 that is told for the first time. That is told too: what another node has counted before is then
/// seen to begin anew, however far this one is already, and the first increase is an increase.
fn before(at_ms: i64) -> i64 {
    at_ms - 1
}

#[cfg(test)]
mod tests {
    use ondol_model::ReportId;

    use super::*;

    fn report(number: u64, status: u16) -> Signals {
        let mut red = Red::default();
        red.count(status);
        red.latency.observe(std::time::Duration::from_millis(1));
        let key = RedKey {
            run: None,
            replica: None,
            service: None,
            origin: Origin::Edge,
            failed: status >= 500,
        };
        Signals {
            report: ReportId { proxy: 7, number },
            red: vec![(key, red)],
            ..Signals::default()
        }
    }

    /// The moments and values of a metric's samples.
    fn of(due: &[Pushed], metric: &str) -> Vec<(i64, f64)> {
        let of_metric = due
            .iter()
            .filter(|pushed| pushed.labels.metric_name() == metric);
        of_metric
            .map(|pushed| match pushed.value {
                Value::Float(value) => (pushed.at_ms, value),
                Value::Histogram(_) => panic!("a histogram"),
            })
            .collect()
    }

    #[test]
    fn a_report_that_comes_again_is_not_counted_again() {
        let mut series = Series::default();
        assert!(series.see(&report(1, 200), 10_000));
        assert!(!series.see(&report(1, 200), 10_000));
        assert!(series.see(&report(2, 200), 10_000));
        let due = series.due(false, 10_000);
        assert_eq!(of(&due, "ondol_proxy_requests_total")[1], (10_000, 2.0));
        assert_eq!(of(&due, REPORTS), [(10_000, 2.0)]);
        assert_eq!(series.counted(), BTreeMap::from([(7, 2)]));
    }

    #[test]
    fn a_counter_begins_at_0_and_is_told_the_last_time_at_once() {
        let mut series = Series::default();
        series.see(&report(1, 200), 10_000);
        let requests = |due: &[Pushed]| of(due, "ondol_proxy_requests_total");
        let due = series.due(false, 10_000);
        assert_eq!(requests(&due), [(9_999, 0.0), (10_000, 1.0)]);
        let durations = of(&due, "http_server_request_duration_seconds_count");
        assert_eq!(durations, [(9_999, 0.0), (10_000, 1.0)]);
        series.see(&report(2, 200), 11_000);
        series.see(&report(3, 404), 11_000);
        assert!(series.due(false, 11_000).is_empty());
        let due = series.due(true, 11_000);
        assert_eq!(
            requests(&due),
            [(11_000, 2.0), (10_999, 0.0), (11_000, 1.0)]
        );
    }
}
