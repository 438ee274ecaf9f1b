//! Log lines of others as events.

use ondol_ingest::{LogStream, line};
use ondol_telemetry::BODY;

use crate::intake::OwnedEvent;

/// Each line as an event. One that says neither its level nor its trace is looked into; one without a time came now.
pub(crate) fn events(streams: Vec<LogStream>, now_ms: i64) -> Vec<OwnedEvent> {
    let mut events = Vec::new();
    for stream in streams {
        for line in stream.lines {
            let mut fields = line.fields;
            for (name, value) in line::lift_few(&line.body) {
                if !fields.iter().any(|(known, _)| *known == name) {
                    fields.push((name, value));
                }
            }
            fields.push((BODY.to_owned(), line.body));
            let at_ns = match line.at_ns {
                0 => now_ms.saturating_mul(1_000_000),
                at_ns => at_ns,
            };
            events.push(OwnedEvent {
                stream: stream.labels.clone(),
                at_ns,
                fields,
            });
        }
    }
    events
}
