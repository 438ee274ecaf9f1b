//! All lines and spans of a window of time, as bodies of OTLP.

use std::collections::BTreeMap;

use ondol_ingest::otlp::{Signal, encode_logs, encode_traces};
use ondol_ingest::{LogLine, LogStream, Pair};
use ondol_telemetry::{BODY, EventView, Found, Query};

use super::Body;
use super::delivery::packed;
use crate::shared::Shared;
use crate::traces::span_of;

/// Events that are read at once.
const EVENTS_MAX: usize = 2000;
const NS_PER_MS: i64 = 1_000_000;

/// Everything after `after_ms`, of which there is not too much for once; and until when that is, `until_ms` at most.
pub(super) fn read(
    shared: &Shared,
    after_ms: i64,
    until_ms: i64,
    labels: &[Pair],
) -> Result<(Vec<Body>, i64), String> {
    let end_ms = end_of(&shared.stores.events.view(), after_ms, until_ms)?;
    let view = {
        // Nothing comes in while both are done: what is not in the one is late, and nothing is both.
        let events = shared.stores.events.read();
        shared.late.set_until(end_ms);
        events.view()
    };
    let found = page(&view, after_ms, end_ms, usize::MAX)?;
    let bodies = bodies(found, labels).map_err(|error| error.to_string())?;
    Ok((bodies, end_ms))
}

/// Until when there is not too much for once.
fn end_of(view: &EventView, after_ms: i64, until_ms: i64) -> Result<i64, String> {
    let found = page(view, after_ms, until_ms, EVENTS_MAX)?;
    // More of the last millisecond may be there, so that the window ends before it. If there is nothing before it, it
    // is one of that alone.
    Ok(match found.last() {
        Some(last) if found.len() >= EVENTS_MAX => {
            (last.at_ns.div_euclid(NS_PER_MS) - 1).max(after_ms + 1)
        }
        _ => until_ms,
    })
}

fn page(
    view: &EventView,
    after_ms: i64,
    until_ms: i64,
    limit: usize,
) -> Result<Vec<Found>, String> {
    let query = Query {
        start_ns: after_ms.saturating_add(1).saturating_mul(NS_PER_MS),
        end_ns: end_ns(until_ms),
        limit,
        oldest_first: true,
        ..Query::default()
    };
    view.search(&query).map_err(|error| error.to_string())
}

/// The last nanosecond of a millisecond.
pub(super) fn end_ns(ms: i64) -> i64 {
    ms.saturating_mul(NS_PER_MS).saturating_add(NS_PER_MS - 1)
}

/// Lines and spans apart: they go to different addresses. What the proxy saw of a request goes as its span.
pub(super) fn bodies(found: Vec<Found>, labels: &[Pair]) -> std::io::Result<Vec<Body>> {
    let mut spans = Vec::new();
    let mut streams: BTreeMap<Vec<Pair>, Vec<LogLine>> = BTreeMap::new();
    let mut lines = 0;
    for event in found {
        match span_of(&event) {
            Some(span) => spans.push(span),
            None => {
                lines += 1;
                let of = event.stream.iter();
                let of = of.map(|label| (label.name.to_string(), label.value.to_string()));
                streams.entry(of.collect()).or_default().push(line(event));
            }
        }
    }
    let mut bodies = Vec::new();
    if !spans.is_empty() {
        bodies.push(Body {
            signal: Signal::Traces,
            items: spans.len() as u64,
            bytes: packed(&encode_traces(&spans, labels))?,
        });
    }
    if lines > 0 {
        let stream = |(labels, lines)| LogStream { labels, lines };
        let streams: Vec<LogStream> = streams.into_iter().map(stream).collect();
        bodies.push(Body {
            signal: Signal::Logs,
            items: lines,
            bytes: packed(&encode_logs(&streams, labels))?,
        });
    }
    Ok(bodies)
}

fn line(event: Found) -> LogLine {
    let (body, fields): (Vec<Pair>, Vec<Pair>) =
        (event.fields.into_iter()).partition(|(name, _)| name == BODY);
    let body = body.into_iter().next();
    LogLine {
        at_ns: event.at_ns,
        body: body.map_or_else(String::new, |(_, text)| text),
        fields,
    }
}
