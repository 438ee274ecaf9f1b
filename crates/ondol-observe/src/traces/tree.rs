//! A trace: its spans, and the log lines that belong to it.

use std::sync::Arc;

use ondol_ingest::{Attribute, Span, SpanValue};
use ondol_telemetry::{BODY, Found};

use super::labels::is_span;

/// Everything that is known of a trace.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Its id.
    pub(crate) id: u128,
    /// In the order in which they began.
    pub(crate) spans: Vec<Span>,
    /// Log lines, the oldest first.
    pub(crate) lines: Vec<Found>,
}

impl Trace {
    /// From all its events.
    pub(crate) fn of(id: u128, events: Vec<Found>) -> Self {
        let mut trace = Trace {
            id,
            ..Trace::default()
        };
        for event in events {
            match span_of(&event) {
                Some(span) => trace.spans.push(span),
                None => trace.lines.push(event),
            }
        }
        trace
            .spans
            .sort_by_key(|span| (span.start_ns, span.span_id));
        trace.lines.sort_by_key(|line| line.at_ns);
        trace
    }

    /// When it began.
    pub(crate) fn start_ns(&self) -> i64 {
        self.spans
            .iter()
            .map(|span| span.start_ns)
            .min()
            .unwrap_or(0)
    }
}

/// The span that an event is; whose it is, its stream says.
pub(super) fn span_of(event: &Found) -> Option<Span> {
    if !is_span(event.stream.get("stream")) {
        return None;
    }
    let fields = event.fields.iter().filter(|(name, _)| name != BODY);
    let pairs = fields.map(|(name, value)| (name.as_str(), value.as_str()));
    let mut span = Span::from_fields(event.at_ns, pairs)?;
    let resource = Arc::make_mut(&mut span.resource);
    for (attribute, label) in [
        ("service.name", "service"),
        ("service.namespace", "project"),
        ("service.instance.id", "replica"),
    ] {
        let value = event.stream.get(label);
        if !value.is_empty() && !resource.iter().any(|known| known.name == attribute) {
            resource.push(Attribute {
                name: attribute.to_owned(),
                value: SpanValue::Text(value.to_owned()),
            });
        }
    }
    Some(span)
}
