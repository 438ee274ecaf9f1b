//! A trace as Jaeger writes it.

use std::collections::BTreeMap;

use ondol_ingest::{Attribute, Span, SpanKind, SpanStatus, SpanValue};
use serde_json::{Map, Value, json};

use crate::traces::Trace;

/// A trace.
pub(super) fn trace(trace: &Trace) -> Value {
    // Spans of one resource share a process.
    let mut processes: BTreeMap<String, (usize, Value)> = BTreeMap::new();
    let mut spans = Vec::new();
    for span in &trace.spans {
        let process = process(span);
        let next = processes.len() + 1;
        let (number, _) = processes
            .entry(process.to_string())
            .or_insert((next, process));
        spans.push(self::span(span, &format!("p{number}")));
    }
    let processes: Map<String, Value> = processes
        .into_values()
        .map(|(number, process)| (format!("p{number}"), process))
        .collect();
    json!({
        "traceID": trace_id(trace.id),
        "spans": spans,
        "processes": processes,
        "warnings": null,
    })
}

/// As short as it can be said: what has 64 bits has 16 digits.
fn trace_id(id: u128) -> String {
    match u64::try_from(id) {
        Ok(low) => format!("{low:016x}"),
        Err(_) => format!("{id:032x}"),
    }
}

fn process(span: &Span) -> Value {
    let others = span.resource.iter().filter(|a| a.name != "service.name");
    let tags: Vec<Value> = others.map(tag).collect();
    json!({ "serviceName": span.service(), "tags": tags })
}

fn span(span: &Span, process: &str) -> Value {
    let id = trace_id(span.trace_id);
    let mut references = Vec::new();
    if span.parent_id != 0 {
        references.push(reference("CHILD_OF", &id, span.parent_id));
    }
    for link in &span.links {
        references.push(reference(
            "FOLLOWS_FROM",
            &trace_id(link.trace_id),
            link.span_id,
        ));
    }
    let moments = span.moments.iter().map(|moment| {
        let name = text_tag("event", &moment.name);
        let fields: Vec<Value> = std::iter::once(name)
            .chain(moment.attributes.iter().map(tag))
            .collect();
        json!({ "timestamp": moment.at_ns / 1000, "fields": fields })
    });
    json!({
        "traceID": id,
        "spanID": format!("{:016x}", span.span_id),
        "flags": 1,
        "operationName": span.name,
        "references": references,
        "startTime": span.start_ns / 1000,
        "duration": span.duration_ns / 1000,
        "tags": tags(span),
        "logs": moments.collect::<Vec<_>>(),
        "processID": process,
        "warnings": null,
    })
}

fn reference(kind: &str, trace_id: &str, span_id: u64) -> Value {
    json!({ "refType": kind, "traceID": trace_id, "spanID": format!("{span_id:016x}") })
}

/// Its attributes, and what Jaeger has as tags.
fn tags(span: &Span) -> Vec<Value> {
    let mut tags: Vec<Value> = span.attributes.iter().map(tag).collect();
    let kind = match span.kind {
        SpanKind::Unspecified => "",
        kind => kind.word(),
    };
    for (name, value) in [
        ("span.kind", kind),
        ("otel.scope.name", &span.scope.name),
        ("otel.scope.version", &span.scope.version),
        ("w3c.tracestate", &span.trace_state),
    ] {
        if !value.is_empty() {
            tags.push(text_tag(name, value));
        }
    }
    match span.status {
        SpanStatus::Unset => {}
        SpanStatus::Ok => tags.push(text_tag("otel.status_code", "OK")),
        SpanStatus::Error => {
            tags.push(text_tag("otel.status_code", "ERROR"));
            if !span.status_message.is_empty() {
                tags.push(text_tag("otel.status_description", &span.status_message));
            }
            if !span
                .attributes
                .iter()
                .any(|attribute| attribute.name == "error")
            {
                tags.push(json!({ "key": "error", "type": "bool", "value": true }));
            }
        }
    }
    tags
}

fn text_tag(name: &str, value: &str) -> Value {
    json!({ "key": name, "type": "string", "value": value })
}

fn tag(attribute: &Attribute) -> Value {
    let (kind, value) = match &attribute.value {
        SpanValue::Text(text) | SpanValue::Json(text) => ("string", json!(text)),
        SpanValue::Bool(value) => ("bool", json!(value)),
        SpanValue::Int(value) => ("int64", json!(value)),
        SpanValue::Float(value) => ("float64", json!(value)),
    };
    json!({ "key": attribute.name, "type": kind, "value": value })
}
