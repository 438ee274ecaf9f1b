//! A record as an event.

use std::sync::Arc;

use ondol_ingest::{Attribute, Scope, Span, SpanKind, SpanStatus, SpanValue};
use ondol_model::{Access, Kept};
use ondol_telemetry::BODY;

use crate::intake::OwnedEvent;
use crate::proxy::{FROM, PROXY_SCOPE, REQUEST_ID, operation};
use crate::traces::{ACCESS, SOURCE_PROXY};

/// Whose the requests are that no service was to answer.
const NOBODY: &str = "ondol";

/// A line of the access log and a span, in one.
pub(super) fn event(record: &Access) -> OwnedEvent {
    let span = span(record);
    let mut fields = span.to_fields();
    fields.push(("level".to_owned(), level(record).to_owned()));
    fields.push((BODY.to_owned(), line(record)));
    OwnedEvent {
        stream: stream(record),
        at_ns: span.start_ns,
        fields,
    }
}

/// Labels, sorted.
fn stream(record: &Access) -> Vec<(String, String)> {
    let mut labels = Vec::with_capacity(5);
    let mut put = |name: &str, value: &str| labels.push((name.to_owned(), value.to_owned()));
    if let Some(service) = &record.service {
        put("project", service.project.as_str());
    }
    if let Some(replica) = &record.replica {
        put(
            "replica",
            &format!("{}-{}", replica.service, replica.number),
        );
    }
    let service = record.service.as_ref();
    put(
        "service",
        service.map_or(NOBODY, |service| service.service.as_str()),
    );
    put("source", SOURCE_PROXY);
    put("stream", ACCESS);
    labels
}

/// In OpenTelemetry's words (semantic conventions, "HTTP server").
fn span(record: &Access) -> Span {
    let status = match record.kept {
        Kept::Error => SpanStatus::Error,
        Kept::Slow | Kept::Sampled => SpanStatus::Unset,
    };
    let reason = record.reason.map(|reason| reason.word());
    Span {
        trace_id: record.trace.0,
        span_id: record.span.0,
        parent_id: record.parent.map_or(0, |parent| parent.0),
        name: operation(&record.origin),
        kind: SpanKind::Server,
        start_ns: i64::try_from(record.at_unix_ns).unwrap_or(i64::MAX),
        duration_ns: record.duration_ns,
        status,
        status_message: reason.unwrap_or_default().to_owned(),
        attributes: attributes(record),
        scope: Arc::new(Scope {
            name: PROXY_SCOPE.to_owned(),
            version: String::new(),
        }),
        ..Span::default()
    }
}

fn attributes(record: &Access) -> Vec<Attribute> {
    let mut attributes = Vec::with_capacity(20);
    let mut put = |name: &str, value: SpanValue| {
        attributes.push(Attribute {
            name: name.to_owned(),
            value,
        });
    };
    let text = |text: &str| SpanValue::Text(text.to_owned());
    let number = |number: u64| SpanValue::Int(i64::try_from(number).unwrap_or(i64::MAX));
    put("http.request.method", text(&record.method));
    put("url.path", text(&record.path));
    put(
        "url.scheme",
        text(if record.tls { "https" } else { "http" }),
    );
    put("http.response.status_code", number(record.status.into()));
    if let Some(status) = record.grpc_status {
        put("rpc.grpc.status_code", number(status.into()));
    }
    put("network.protocol.version", text(record.version.word()));
    put("client.address", text(&record.client.to_string()));
    put("http.request.body.size", number(record.bytes_in));
    put("http.response.body.size", number(record.bytes_out));
    put("ondol.attempts", number(record.attempts.into()));
    let replica = record.replica.as_ref();
    let replica = replica.map(|replica| format!("{}-{}", replica.service, replica.number));
    let texts = [
        ("server.address", Some(record.host.as_str())),
        ("url.query", record.query.as_deref()),
        ("user_agent.original", record.user_agent.as_deref()),
        ("http.route", record.origin.route()),
        (FROM, record.origin.caller().map(|caller| caller.as_str())),
        ("ondol.replica", replica.as_deref()),
        ("ondol.revision", record.revision.as_deref()),
        ("ondol.reason", record.reason.map(|reason| reason.word())),
        (REQUEST_ID, record.request_id.as_deref()),
    ];
    for (name, said) in texts {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            put(name, text(said));
        }
    }
    if record.health_check {
        put("ondol.health_check", SpanValue::Bool(true));
    }
    attributes
}

fn level(record: &Access) -> &'static str {
    match (record.kept, record.status) {
        (Kept::Error, _) => "error",
        (_, 400..) => "warn",
        _ => "info",
    }
}

/// For people: `GET /cart?x=1 503 in 12.5 ms: circuit_open`.
fn line(record: &Access) -> String {
    let (mark, query) = match &record.query {
        Some(query) => ("?", query.as_str()),
        None => ("", ""),
    };
    let millis = record.duration_ns as f64 / 1e6;
    let (method, path, status) = (&record.method, &record.path, record.status);
    let line = format!("{method} {path}{mark}{query} {status} in {millis:.1} ms");
    match record.reason {
        Some(reason) => format!("{line}: {}", reason.word()),
        None => line,
    }
}
