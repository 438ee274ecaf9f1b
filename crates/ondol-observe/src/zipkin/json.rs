//! A trace as Zipkin writes it.

use std::collections::BTreeMap;

use ondol_ingest::{Span, SpanKind, SpanStatus, SpanValue};
use serde_json::{Map, Value, json};

use crate::traces::Trace;

/// The spans of a trace.
pub(super) fn trace(trace: &Trace) -> Value {
    trace.spans.iter().map(span).collect()
}

fn span(span: &Span) -> Value {
    let mut into = Map::new();
    let mut put = |name: &str, value: Value| {
        into.insert(name.to_owned(), value);
    };
    let trace_id = match u64::try_from(span.trace_id) {
        Ok(low) => format!("{low:016x}"),
        Err(_) => format!("{:032x}", span.trace_id),
    };
    put("traceId", json!(trace_id));
    if span.parent_id != 0 {
        put("parentId", json!(format!("{:016x}", span.parent_id)));
    }
    put("id", json!(format!("{:016x}", span.span_id)));
    if let Some(kind) = kind(span.kind) {
        put("kind", json!(kind));
    }
    put("name", json!(span.name));
    put("timestamp", json!(span.start_ns / 1000));
    // Zipkin takes 0 for "nobody knows".
    put("duration", json!((span.duration_ns / 1000).max(1)));
    put("localEndpoint", json!({ "serviceName": span.service() }));
    let remote = remote(span);
    if !remote.is_empty() {
        put("remoteEndpoint", Value::Object(remote));
    }
    let moments = span.moments.iter();
    let annotations: Vec<Value> = moments
        .map(|moment| json!({ "timestamp": moment.at_ns / 1000, "value": moment.name }))
        .collect();
    if !annotations.is_empty() {
        put("annotations", Value::Array(annotations));
    }
    let tags = tags(span);
    if !tags.is_empty() {
        put("tags", json!(tags));
    }
    if is_shared(span) {
        put("shared", json!(true));
    }
    Value::Object(into)
}

/// What is inside of a program has none.
fn kind(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Unspecified | SpanKind::Internal => None,
        SpanKind::Server => Some("SERVER"),
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
    }
}

const SHARED: &str = "zipkin.shared";
const PEER: [&str; 3] = ["peer.service", "network.peer.address", "network.peer.port"];

fn is_shared(span: &Span) -> bool {
    let is = |a: &ondol_ingest::Attribute| a.name == SHARED && a.value == SpanValue::Bool(true);
    span.attributes.iter().any(is)
}

fn remote(span: &Span) -> Map<String, Value> {
    let mut remote = Map::new();
    let [service, address, port] = PEER.map(|name| {
        let found = span
            .attributes
            .iter()
            .find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value.text().into_owned())
    });
    if let Some(service) = service {
        remote.insert("serviceName".to_owned(), json!(service));
    }
    if let Some(address) = address {
        let name = if address.contains(':') {
            "ipv6"
        } else {
            "ipv4"
        };
        remote.insert(name.to_owned(), json!(address));
    }
    if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
        remote.insert("port".to_owned(), json!(port));
    }
    remote
}

fn tags(span: &Span) -> BTreeMap<&str, String> {
    let is_own = |name: &str| name != SHARED && !PEER.contains(&name);
    let attributes = span.attributes.iter().filter(|a| is_own(&a.name));
    let mut tags: BTreeMap<&str, String> = attributes
        .map(|attribute| (attribute.name.as_str(), attribute.value.text().into_owned()))
        .collect();
    for attribute in span.resource.iter().filter(|a| a.name != "service.name") {
        let value = || attribute.value.text().into_owned();
        tags.entry(&attribute.name).or_insert_with(value);
    }
    if span.status == SpanStatus::Error {
        let message = match span.status_message.as_str() {
            "" => "true",
            message => message,
        };
        tags.entry("error").or_insert_with(|| message.to_owned());
    }
    tags
}
