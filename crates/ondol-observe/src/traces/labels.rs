//! How a span's stream is called.

use ondol_ingest::{Pair, Span};

/// The stream of spans that services send. They are no lines.
pub(crate) const SPANS: &str = "span";
/// The stream of requests that the proxy carried: a line of its access log and a span, in one.
pub(crate) const ACCESS: &str = "access";
/// Seen by the proxy.
pub(crate) const SOURCE_PROXY: &str = "proxy";
/// Sent as OTLP.
pub(crate) const SOURCE_OTLP: &str = "otlp";
/// Sent as Zipkin has it.
pub(crate) const SOURCE_ZIPKIN: &str = "zipkin";

/// A pattern that matches streams of spans and no others.
pub(super) const PATTERN: &str = "span|access";

/// Whether events of a stream are spans.
pub(crate) fn is_span(stream: &str) -> bool {
    stream == SPANS || stream == ACCESS
}

/// Labels of a span's stream, sorted.
pub(super) fn of(span: &Span, source: &str) -> Vec<Pair> {
    let mut labels = Vec::with_capacity(5);
    let mut put = |name: &str, value: &str| labels.push((name.to_owned(), value.to_owned()));
    if let Some(project) = span.resource_text("service.namespace") {
        put("project", project);
    }
    if let Some(replica) = span.resource_text("service.instance.id") {
        put("replica", replica);
    }
    put("service", span.service());
    put("source", source);
    put("stream", SPANS);
    labels
}
