//! Spans on their way in.

use ondol_ingest::Span;
use ondol_telemetry::StoreError;

use super::labels;
use crate::intake::{OwnedEvent, push_events};
use crate::shared::Shared;

/// Keeps spans and counts them. All of them or none.
pub(crate) fn take(
    spans: &[Span],
    source: &str,
    shared: &Shared,
    now_ms: i64,
) -> Result<(), StoreError> {
    let event = |span: &Span| OwnedEvent {
        stream: labels::of(span, source),
        at_ns: span.start_ns,
        fields: span.to_fields(),
    };
    let events: Vec<OwnedEvent> = spans.iter().map(event).collect();
    push_events(&events, shared, now_ms)?;
    let mut counting = shared.traces.counting();
    for span in spans {
        counting.red.see(span, now_ms);
        counting.graph.see(span, now_ms);
    }
    Ok(())
}
