//! Spans: taken in, counted, found again.
//!
//! A span is kept as an event. While it comes in it is counted too: requests, errors and durations of each operation, and
//! calls between services, as series with the names that Grafana's stock views look for (`traces_spanmetrics_*`,
//! `traces_service_graph_*`). What of it the proxy saw comes as spans like all others.

mod counts;
mod duration;
mod find;
mod graph;
mod known;
mod labels;
mod own;
mod red;
mod stitch;
mod take;
mod tree;

use std::sync::{Mutex, MutexGuard, PoisonError};

use ondol_telemetry::Pushed;

pub(crate) use counts::{Name, Telling, pushed};
pub(crate) use duration::parse as parse_duration;
pub(crate) use find::{Search, search, trace};
pub(crate) use known::{Calls, calls, operations, services};
pub(crate) use labels::{ACCESS, SOURCE_OTLP, SOURCE_PROXY, SOURCE_ZIPKIN, SPANS};
pub(crate) use own::answer;
pub(crate) use take::take;
pub(crate) use tree::{Trace, span_of};

use graph::Graph;
use red::Red;

/// How often counters are told to the metrics.
const TELL_MS: u64 = 5000;

/// What is counted of spans, until it is told to the metrics.
#[derive(Default)]
pub(crate) struct Traces {
    counting: Mutex<Counting>,
}

#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) red: Red,
    pub(crate) graph: Graph,
    told_ms: i64,
}

impl Traces {
    pub(crate) fn counting(&self) -> MutexGuard<'_, Counting> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series that are due, as of now: every few seconds, and the last time, those that changed.
    pub(crate) fn due(&self, last: bool, now_ms: i64) -> Vec<Pushed> {
        let mut counting = self.counting();
        if !last && now_ms.abs_diff(counting.told_ms) < TELL_MS {
            return Vec::new();
        }
        counting.told_ms = now_ms;
        let mut due = counting.red.due(now_ms);
        due.extend(counting.graph.due(now_ms));
        due
    }
}
