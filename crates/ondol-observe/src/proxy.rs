//! Requests that the proxy carried: counted as it counted them, which is all of them, and kept as events that are a line
//! of its access log and a span of their trace in one.

mod record;
mod series;

use std::sync::PoisonError;

use ondol_model::{Origin, Signals};
use ondol_telemetry::{Pushed, StoreError};

use crate::intake::{OwnedEvent, push_events};
use crate::shared::Shared;
pub(crate) use series::Series;

/// What instruments the requests that it carries, as OpenTelemetry calls it.
pub(crate) const PROXY_SCOPE: &str = "ondol.proxy";
/// Attributes of its spans: the service that called, and what the request is called (`X-Request-Id`).
pub(crate) const FROM: &str = "ondol.from";
pub(crate) const REQUEST_ID: &str = "ondol.request_id";

/// Takes in what the proxy said. The error is that records could not be kept; everything is counted all the same.
pub(crate) fn take(signals: &Signals, shared: &Shared, now_ms: i64) -> Result<(), StoreError> {
    let series = shared.proxy.lock();
    (series.unwrap_or_else(PoisonError::into_inner)).see(signals, now_ms);
    count(signals, shared, now_ms);
    let events: Vec<OwnedEvent> = signals.records.iter().map(record::event).collect();
    match events.is_empty() {
        true => Ok(()),
        false => push_events(&events, shared, now_ms),
    }
}

/// The series that are due, as of now.
pub(crate) fn due(shared: &Shared, now_ms: i64) -> Vec<Pushed> {
    let series = shared.proxy.lock();
    (series.unwrap_or_else(PoisonError::into_inner)).due(now_ms)
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
