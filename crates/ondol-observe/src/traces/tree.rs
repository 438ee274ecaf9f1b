//! A trace: its spans, and the log lines that belong to it.

use std::collections::BTreeSet;
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
        trace.sort();
        trace
    }

    /// Brings spans and lines into the order of their moments.
    pub(super) fn sort(&mut self) {
        self.spans.sort_by_key(|span| (span.start_ns, span.span_id));
        self.lines.sort_by_key(|line| line.at_ns);
    }

    /// When it began.
    pub(crate) fn start_ns(&self) -> i64 {
        let spans = self.spans.iter().map(|span| span.start_ns);
        // Of one that only lines are known of, its first line.
        spans
            .min()
            .or(self.lines.first().map(|line| line.at_ns))
            .unwrap_or(0)
    }

    /// From its first moment to its last.
    pub(crate) fn duration_ns(&self) -> u64 {
        let end = |span: &Span| span.start_ns.saturating_add_unsigned(span.duration_ns);
        let end_ns = self.spans.iter().map(end).max().unwrap_or(0);
        u64::try_from(end_ns.saturating_sub(self.start_ns())).unwrap_or(0)
    }

    /// The span that it begins with.
    pub(crate) fn root(&self) -> Option<&Span> {
        let ids: BTreeSet<u64> = self.spans.iter().map(|span| span.span_id).collect();
        let is_root = |span: &&Span| !ids.contains(&span.parent_id);
        self.spans.iter().find(is_root).or(self.spans.first())
    }
}

/// The span that an event is; whose it is, its stream says.
pub(crate) fn span_of(event: &Found) -> Option<Span> {
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
