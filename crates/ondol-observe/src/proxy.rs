//! Requests that the proxy carried: counted as it counted them, which is all of them, and kept as events that are a line
//! of its access log and a span of their trace in one.

mod record;
mod series;

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use ondol_model::{Origin, ReportId, Signals};
use ondol_telemetry::{Pushed, StoreError};

use crate::intake::{OwnedEvent, push_marked};
use crate::shared::Shared;
use crate::stores::Stores;
use series::Series;

/// What instruments the requests that it carries, as OpenTelemetry calls it.
pub(crate) const PROXY_SCOPE: &str = "ondol.proxy";
/// Attributes of its spans: the service that called, and what the request is called (`X-Request-Id`).
pub(crate) const FROM: &str = "ondol.from";
pub(crate) const REQUEST_ID: &str = "ondol.request_id";

/// What of the proxy's reports is taken in. A report may come twice, to the node that died and to the one after it, and
/// each of the two stores says with what it holds how far it came: the samples with a series, the events with a mark.
pub(crate) struct Taken {
    series: Series,
    /// The last report whose records are kept.
    recorded: ReportId,
}

impl Taken {
    /// What earlier nodes took in.
    pub(crate) fn found(stores: &Stores, now_ms: i64) -> Self {
        let events = stores.events.read();
        let recorded = events.marks().get(MARK).and_then(|mark| report(mark));
        Taken {
            series: Series::found(&stores.samples, now_ms),
            recorded: recorded.unwrap_or_default(),
        }
    }

    /// Up to which report of each proxy everything is counted.
    pub(crate) fn counted(&self) -> BTreeMap<u64, u64> {
        self.series.counted()
    }
}

/// The mark of the last report whose records are kept.
const MARK: &str = "proxy";

fn mark(report: ReportId) -> String {
    format!("{}.{}", report.proxy, report.number)
}

/// The report that a mark names.
fn report(mark: &str) -> Option<ReportId> {
    let (proxy, number) = mark.split_once('.')?;
    Some(ReportId {
        proxy: proxy.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// Takes in what the proxy said. The error is that records could not be kept; everything is counted all the same.
pub(crate) fn take(signals: &Signals, shared: &Shared, now_ms: i64) -> Result<(), StoreError> {
    let mut taken = lock(shared);
    if taken.series.see(signals, now_ms) {
        count(signals, shared, now_ms);
    }
    let is_new = signals.report > taken.recorded;
    if signals.records.is_empty() || !is_new {
        return Ok(());
    }
    let events: Vec<OwnedEvent> = signals.records.iter().map(record::event).collect();
    push_marked(&events, &[(MARK, &mark(signals.report))], shared, now_ms)?;
    taken.recorded = signals.report;
    Ok(())
}

/// The series that are due, as of now, with those of spans; all of one moment, and up to which report of each proxy that
/// is. They are due every few seconds, and in any case when it is the last time.
pub(crate) fn due(shared: &Shared, last: bool, now_ms: i64) -> (Vec<Pushed>, BTreeMap<u64, u64>) {
    let mut taken = lock(shared);
    let mut due = shared.traces.due(last, now_ms);
    due.extend(taken.series.due(last, now_ms));
    (due, taken.counted())
}

/// Held while a report is taken in, so that its numbers are in all series or in none.
fn lock(shared: &Shared) -> MutexGuard<'_, Taken> {
    shared.proxy.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests as calls between services.
fn count(signals: &Signals, shared: &Shared, now_ms: i64) {
    let mut counting = shared.traces.counting();
    for (key, red) in &signals.red {
        let Some(service) = &key.service else {
            continue;
        };
        let name = operation(&key.origin);
        let (failed, durations) = (key.failed, &red.latency);
        counting
            .red
            .carried(service, &name, failed, durations, now_ms);
        let client = match &key.origin {
            Origin::Route(_) | Origin::Edge | Origin::Port(_) => None,
            Origin::Service(client) => Some(client.as_str()),
            // Nobody knows from what.
            Origin::Machine => continue,
        };
        counting
            .graph
            .calls(client, service, failed, durations, now_ms);
    }
    for record in &signals.records {
        if let Some(parent) = record.parent {
            counting.graph.carried(record.trace.0, parent.0, now_ms);
        }
    }
}

/// What requests of an origin are called, as operations of the service: there are few of them.
fn operation(origin: &Origin) -> String {
    match origin {
        Origin::Route(route) => route.to_string(),
        Origin::Edge => "no route".to_owned(),
        Origin::Port(port) => format!("port {port}"),
        Origin::Service(service) => format!("from {service}"),
        Origin::Machine => "from this machine".to_owned(),
    }
}
