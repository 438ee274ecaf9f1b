//! `ExportLogsServiceRequest`.

use super::resource::{Group, id, messages, resource, scope, text_of};
use super::traces::nanoseconds;
use crate::any_value::{any_value, attribute};
use crate::span::{Attribute, SpanValue, fields};
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};
use crate::{Batch, Limits, LogLine, LogStream, Pair, line};

pub(super) fn decode(body: &[u8], limits: &Limits) -> Result<Batch<LogStream>, Malformed> {
    let mut taking = Taking::new(limits);
    let mut items: Vec<LogStream> = Vec::new();
    for of_resource in messages(body, 1) {
        let of_resource = Group::read(of_resource?)?;
        let resource = resource(of_resource.owner, &mut taking)?;
        let mut lines = Vec::new();
        for of_scope in of_resource.members() {
            let of_scope = Group::read(of_scope?)?;
            let scope = scope(of_scope.owner, &mut taking)?;
            for bytes in of_scope.members() {
                let bytes = bytes?;
                if !taking.admits() {
                    continue;
                }
                let mut line = record(bytes, &mut taking)?;
                if !scope.name.is_empty() {
                    taking.add_new(&mut line.fields, fields::SCOPE, scope.name.clone());
                }
                for Attribute { name, value } in &resource {
                    if !NAMES.iter().any(|(known, _)| known == name) {
                        let name = format!("{}{name}", fields::RESOURCE);
                        taking.add_new(&mut line.fields, &name, value.text().into_owned());
                    }
                }
                lines.push(line);
            }
        }
        if !lines.is_empty() {
            items.push(LogStream {
                labels: labels(&resource),
                lines,
            });
        }
    }
    Ok(Batch {
        items,
        dropped: taking.dropped,
    })
}

/// Attributes that name the sender, and the labels that they become.
pub(super) const NAMES: [(&str, &str); 3] = [
    ("service.namespace", "project"),
    ("service.instance.id", "replica"),
    ("service.name", "service"),
];

/// Labels of the sender, sorted.
fn labels(resource: &[Attribute]) -> Vec<Pair> {
    let mut labels: Vec<Pair> = NAMES
        .iter()
        .filter_map(|(name, label)| Some(((*label).to_owned(), text_of(resource, name)?)))
        .collect();
    if !labels.iter().any(|(label, _)| label == "service") {
        labels.push(("service".to_owned(), "unknown_service".to_owned()));
    }
    labels.push(("stream".to_owned(), "otlp".to_owned()));
    labels.sort();
    labels
}

fn record(bytes: &[u8], taking: &mut Taking<'_>) -> Result<LogLine, Malformed> {
    let mut line = LogLine::default();
    let (mut observed_ns, mut number, mut word) = (0, 0, String::new());
    let mut attributes = Vec::new();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Fixed64(at)) => line.at_ns = nanoseconds(at),
            (2, Wire::Varint(severity)) => number = severity,
            (3, Wire::Bytes(text)) => word = taking.name(text),
            (5, Wire::Bytes(bytes)) => line.body = body(bytes, taking)?,
            (6, Wire::Bytes(bytes)) => {
                let attribute = attribute(bytes, taking)?;
                taking.add(&mut attributes, attribute);
            }
            (9, Wire::Bytes(bytes)) => {
                let trace = u128::from_be_bytes(id(bytes));
                if trace != 0 {
                    taking.add_new(&mut line.fields, fields::TRACE_ID, format!("{trace:032x}"));
                }
            }
            (10, Wire::Bytes(bytes)) => {
                let span = u64::from_be_bytes(id(bytes));
                if span != 0 {
                    taking.add_new(&mut line.fields, fields::SPAN_ID, format!("{span:016x}"));
                }
            }
            (11, Wire::Fixed64(at)) => observed_ns = nanoseconds(at),
            (12, Wire::Bytes(name)) => {
                let name = taking.name(name);
                taking.add_new(&mut line.fields, "event_name", name);
            }
            _ => {}
        }
    }
    if line.at_ns == 0 {
        line.at_ns = observed_ns;
    }
    let level = line::Level::from_number(number).or_else(|| line::Level::from_word(&word));
    if let Some(level) = level {
        taking.add_new(&mut line.fields, line::LEVEL, level.word().to_owned());
    }
    for Attribute { name, value } in attributes {
        let name = line::field_name(&name).into_owned();
        taking.add_new(&mut line.fields, &name, value.text().into_owned());
    }
    Ok(line)
}

/// A text stays one, also a long one; everything else is JSON.
fn body(bytes: &[u8], taking: &mut Taking<'_>) -> Result<String, Malformed> {
    for field in Fields(bytes) {
        if let (1, Wire::Bytes(text)) = field? {
            return Ok(taking.line(text));
        }
    }
    Ok(match any_value(bytes, taking)? {
        SpanValue::Text(text) | SpanValue::Json(text) => text,
        other => other.text().into_owned(),
    })
}
