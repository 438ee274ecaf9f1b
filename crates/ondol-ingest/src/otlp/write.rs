//! The other direction: requests for somebody else, in protobuf.

use std::collections::BTreeMap;

use serde_json::Value;

use super::logs::NAMES;
use crate::span::{Attribute, Link, Moment, Span, SpanStatus, SpanValue, fields};
use crate::wire::{Fields, Malformed, Wire, put};
use crate::{LogLine, LogStream, Pair, line};

/// The attribute that says to which output a line was written (semantic conventions, "Logs").
const OUTPUT: &str = "log.iostream";

/// An `ExportTraceServiceRequest`. Each resource gets these attributes too, unless it has them.
pub fn encode_traces(spans: &[Span], further: &[Pair]) -> Vec<u8> {
    let mut groups = Groups::default();
    for span in spans {
        let mut resource = Vec::new();
        put_attributes(&mut resource, 1, &span.resource);
        let has = |name: &str| span.resource.iter().any(|known| known.name == name);
        for (name, value) in further.iter().filter(|(name, _)| !has(name)) {
            put_word(&mut resource, 1, name, value);
        }
        let mut scope = Vec::new();
        put_text(&mut scope, 1, &span.scope.name);
        put_text(&mut scope, 2, &span.scope.version);
        groups.add(resource, scope, &of_span(span));
    }
    groups.finish()
}

/// An `ExportLogsServiceRequest`, of lines as they are kept: what [`super::logs`] made of a request becomes that again.
/// Each resource gets these attributes too, unless it has them.
pub fn encode_logs(streams: &[LogStream], further: &[Pair]) -> Vec<u8> {
    let mut groups = Groups::default();
    for stream in streams {
        for line in &stream.lines {
            let mut resource = of_sender(stream);
            let of_line = line.fields.iter().filter_map(|(name, value)| {
                let name = name.strip_prefix(fields::RESOURCE)?;
                Some((name.to_owned(), value.clone()))
            });
            for (name, value) in of_line.chain(further.iter().cloned()) {
                resource.entry(name).or_insert(value);
            }
            let mut bytes = Vec::new();
            for (name, value) in &resource {
                put_word(&mut bytes, 1, name, value);
            }
            let mut scope = Vec::new();
            put_text(
                &mut scope,
                1,
                field(line, fields::SCOPE).unwrap_or_default(),
            );
            groups.add(bytes, scope, &of_line_and_output(line, stream));
        }
    }
    groups.finish()
}

/// How much of a request its receiver refused for good, and why; nothing when it took all of it.
pub fn refused(answer: &[u8]) -> Option<(u64, String)> {
    let (mut count, mut why) = (0, String::new());
    for field in Fields(answer) {
        if let Ok((1, Wire::Bytes(partial))) = field {
            for field in Fields(partial) {
                match field {
                    Ok((1, Wire::Varint(items))) => count = items,
                    Ok((2, Wire::Bytes(text))) => why = String::from_utf8_lossy(text).into_owned(),
                    Ok(_) => {}
                    Err(Malformed) => return None,
                }
            }
        }
    }
    (count > 0).then_some((count, why))
}

/// Spans or lines by who made them: their resource and scope, as bytes.
#[derive(Default)]
struct Groups(BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Groups {
    fn add(&mut self, resource: Vec<u8>, scope: Vec<u8>, member: &[u8]) {
        let members = self
            .0
            .entry(resource)
            .or_default()
            .entry(scope)
            .or_default();
        put::bytes(members, 2, member);
    }

    /// The messages of traces and logs have the same numbers.
    fn finish(self) -> Vec<u8> {
        let mut request = Vec::new();
        for (resource, scopes) in self.0 {
            let mut of_resource = Vec::new();
            put::bytes(&mut of_resource, 1, &resource);
            for (scope, members) in scopes {
                let mut of_scope = Vec::new();
                put::bytes(&mut of_scope, 1, &scope);
                of_scope.extend(members);
                put::bytes(&mut of_resource, 2, &of_scope);
            }
            put::bytes(&mut request, 1, &of_resource);
        }
        request
    }
}

fn of_span(span: &Span) -> Vec<u8> {
    let mut into = Vec::new();
    put::bytes(&mut into, 1, &span.trace_id.to_be_bytes());
    put::bytes(&mut into, 2, &span.span_id.to_be_bytes());
    put_text(&mut into, 3, &span.trace_state);
    if span.parent_id != 0 {
        put::bytes(&mut into, 4, &span.parent_id.to_be_bytes());
    }
    put_text(&mut into, 5, &span.name);
    put::number(&mut into, 6, span.kind.number());
    put::fixed64(&mut into, 7, span.start_ns as u64);
    let end_ns = span.start_ns.saturating_add_unsigned(span.duration_ns);
    put::fixed64(&mut into, 8, end_ns as u64);
    put_attributes(&mut into, 9, &span.attributes);
    for Moment {
        at_ns,
        name,
        attributes,
    } in &span.moments
    {
        let mut moment = Vec::new();
        put::fixed64(&mut moment, 1, *at_ns as u64);
        put_text(&mut moment, 2, name);
        put_attributes(&mut moment, 3, attributes);
        put::bytes(&mut into, 11, &moment);
    }
    for Link {
        trace_id,
        span_id,
        attributes,
    } in &span.links
    {
        let mut link = Vec::new();
        put::bytes(&mut link, 1, &trace_id.to_be_bytes());
        put::bytes(&mut link, 2, &span_id.to_be_bytes());
        put_attributes(&mut link, 4, attributes);
        put::bytes(&mut into, 13, &link);
    }
    let mut status = Vec::new();
    put_text(&mut status, 2, &span.status_message);
    match span.status {
        SpanStatus::Unset => {}
        SpanStatus::Ok => put::number(&mut status, 3, 1),
        SpanStatus::Error => put::number(&mut status, 3, 2),
    }
    put::bytes(&mut into, 15, &status);
    into
}

/// What the labels of a stream say of who writes it.
fn of_sender(stream: &LogStream) -> BTreeMap<String, String> {
    let name = |label: &str| NAMES.iter().find(|(_, known)| *known == label);
    let labels = stream.labels.iter().filter(|(label, _)| label != "stream");
    labels
        .map(|(label, value)| {
            (
                name(label)
                    .map_or(label.as_str(), |(name, _)| name)
                    .to_owned(),
                value.clone(),
            )
        })
        .collect()
}

fn of_line_and_output(line: &LogLine, stream: &LogStream) -> Vec<u8> {
    let mut into = Vec::new();
    put::fixed64(&mut into, 1, line.at_ns as u64);
    if let Some(level) = field(line, line::LEVEL).and_then(line::Level::from_word) {
        put::number(&mut into, 2, level.number());
        put_text(&mut into, 3, level.word());
    }
    let mut body = Vec::new();
    put::bytes(&mut body, 1, line.body.as_bytes());
    put::bytes(&mut into, 5, &body);
    let own = |name: &str| OWN.contains(&name) || name.starts_with(fields::RESOURCE);
    for (name, value) in line.fields.iter().filter(|(name, _)| !own(name)) {
        put_word(&mut into, 6, line::sent_name(name), value);
    }
    let output = stream.labels.iter().find(|(label, _)| label == "stream");
    if let Some((_, output)) = output.filter(|(_, output)| output != "otlp") {
        put_word(&mut into, 6, OUTPUT, output);
    }
    let trace = field(line, fields::TRACE_ID).and_then(line::trace_id);
    if let Some(trace) = trace {
        put::bytes(&mut into, 9, &trace.to_be_bytes());
    }
    if let Some(span) = field(line, fields::SPAN_ID).and_then(line::span_id) {
        put::bytes(&mut into, 10, &span.to_be_bytes());
    }
    put_text(&mut into, 12, field(line, EVENT_NAME).unwrap_or_default());
    into
}

const EVENT_NAME: &str = "event_name";
/// Fields that a record has a place of its own for.
const OWN: [&str; 5] = [
    line::LEVEL,
    fields::TRACE_ID,
    fields::SPAN_ID,
    fields::SCOPE,
    EVENT_NAME,
];

fn field<'a>(line: &'a LogLine, name: &str) -> Option<&'a str> {
    let field = line.fields.iter().find(|(known, _)| known == name);
    field.map(|(_, value)| value.as_str())
}

/// A text, where there is one.
fn put_text(into: &mut Vec<u8>, tag: u32, text: &str) {
    if !text.is_empty() {
        put::bytes(into, tag, text.as_bytes());
    }
}

fn put_attribute(into: &mut Vec<u8>, tag: u32, name: &str, value: &SpanValue) {
    let (mut pair, mut any) = (Vec::new(), Vec::new());
    put_value(&mut any, value);
    put::bytes(&mut pair, 1, name.as_bytes());
    put::bytes(&mut pair, 2, &any);
    put::bytes(into, tag, &pair);
}

fn put_attributes(into: &mut Vec<u8>, tag: u32, attributes: &[Attribute]) {
    for Attribute { name, value } in attributes {
        put_attribute(into, tag, name, value);
    }
}

/// An attribute that is a text.
fn put_word(into: &mut Vec<u8>, tag: u32, name: &str, text: &str) {
    put_attribute(into, tag, name, &SpanValue::Text(text.to_owned()));
}

/// The fields of an `AnyValue`.
fn put_value(into: &mut Vec<u8>, value: &SpanValue) {
    match value {
        SpanValue::Text(text) => put::bytes(into, 1, text.as_bytes()),
        SpanValue::Bool(yes) => put::number(into, 2, u64::from(*yes)),
        SpanValue::Int(number) => put::number(into, 3, *number as u64),
        SpanValue::Float(number) => put::fixed64(into, 4, number.to_bits()),
        SpanValue::Json(text) => match serde_json::from_str(text) {
            Ok(value) => put_json(into, &value),
            Err(_) => put::bytes(into, 1, text.as_bytes()),
        },
    }
}

/// The same of JSON; it is as deep as its reader lets it be.
fn put_json(into: &mut Vec<u8>, value: &Value) {
    let mut members = Vec::new();
    match value {
        Value::Null => {}
        Value::Bool(yes) => put::number(into, 2, u64::from(*yes)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => put::number(into, 3, whole as u64),
            None => put::fixed64(into, 4, number.as_f64().unwrap_or(f64::NAN).to_bits()),
        },
        Value::String(text) => put::bytes(into, 1, text.as_bytes()),
        Value::Array(list) => {
            for member in list {
                let mut one = Vec::new();
                put_json(&mut one, member);
                put::bytes(&mut members, 1, &one);
            }
            put::bytes(into, 5, &members);
        }
        Value::Object(map) => {
            for (name, member) in map {
                let (mut pair, mut one) = (Vec::new(), Vec::new());
                put_json(&mut one, member);
                put::bytes(&mut pair, 1, name.as_bytes());
                put::bytes(&mut pair, 2, &one);
                put::bytes(&mut members, 1, &pair);
            }
            put::bytes(into, 6, &members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::{Encoding, Signal, answer, logs, tests, traces};
    use crate::{Dropped, Limits};

    #[test]
    fn spans_that_are_sent_on_are_what_they_were() {
        let limits = Limits::default();
        let first = traces(tests::SPANS.as_bytes(), Encoding::Json, &limits).unwrap();
        let sent = encode_traces(&first.items, &[]);
        let again = traces(&sent, Encoding::Protobuf, &limits).unwrap();
        assert_eq!(
            (again.items, again.dropped),
            (first.items, Dropped::default())
        );
    }

    #[test]
    fn lines_that_are_sent_on_are_what_they_were_and_say_whose_machine_it_was() {
        let limits = Limits::default();
        let json = r#"{"resourceLogs":[{"resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"web"}},{"key":"os","value":{"stringValue":"linux"}}]},
            "scopeLogs":[{"scope":{"name":"lib"},"logRecords":[
            {"timeUnixNano":"5","severityNumber":17,"body":{"stringValue":"no"},"eventName":"e",
             "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
             "attributes":[{"key":"level","value":{"stringValue":"mine"}},{"key":"n","value":{"intValue":"-5"}}]}]}]}]}"#;
        let mut first = logs(json.as_bytes(), Encoding::Json, &limits).unwrap();
        let host = [("host.name".to_owned(), "here".to_owned())];
        let sent = encode_logs(&first.items, &host);
        let mut again = logs(&sent, Encoding::Protobuf, &limits).unwrap();
        let line = &mut first.items[0].lines[0];
        line.fields
            .push(("resource.host.name".to_owned(), "here".to_owned()));
        for batch in [&mut first, &mut again] {
            batch.items[0].lines[0].fields.sort();
        }
        assert_eq!(again, first);
    }

    #[test]
    fn a_replicas_line_says_to_which_output_it_was_written() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let stream = LogStream {
            labels: vec![
                pair("project", "shop"),
                pair("service", "web"),
                pair("stream", "stderr"),
            ],
            lines: vec![LogLine {
                at_ns: 7,
                body: "so".to_owned(),
                fields: vec![pair("run", "1")],
            }],
        };
        let sent = encode_logs(&[stream], &[]);
        let again = logs(&sent, Encoding::Protobuf, &Limits::default()).unwrap();
        let stream = &again.items[0];
        assert_eq!(stream.labels[0], pair("project", "shop"));
        assert!(
            stream.lines[0].fields.contains(&pair(OUTPUT, "stderr")),
            "{stream:?}"
        );
    }

    #[test]
    fn what_a_receiver_refused_is_understood() {
        let dropped = Dropped {
            items: 3,
            reason: Some("too old"),
            ..Dropped::default()
        };
        let said = answer(Signal::Logs, &dropped, Encoding::Protobuf);
        assert_eq!(refused(&said), Some((3, "too old".to_owned())));
        assert_eq!(refused(b""), None);
        assert_eq!(refused(b"<html>"), None);
    }
}
