//! What a log line says about itself: fields, level, trace; and which lines are one.

mod assemble;
mod join;
mod json;
mod level;
mod logfmt;
mod trace;

use std::borrow::Cow;

pub use assemble::{Assembler, Bounds, Piece, Whole};
pub use level::Level;
pub use trace::{span_id, trace_id, traceparent};

use crate::Pair;
use crate::span::fields::{SPAN_ID, TRACE_ID};

/// The field of a line's level: `trace`, `debug`, `info`, `warn`, `error`, `fatal`.
pub const LEVEL: &str = "level";

/// How much of a line becomes fields.
const FIELDS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4 << 10;
/// Longer lines are not looked into: one that is so long is no line of fields.
const LINE_BYTES_MAX: usize = 64 << 10;

/// What a line says about itself. Names of objects inside objects are joined with dots.
///
/// `level`, `trace_id` and `span_id` are the same words whatever the line calls them. A field that is called like
/// something that every line has gets `_extracted` behind its name, as Loki has it.
pub fn lift(line: &str) -> Vec<Pair> {
    let mut lifting = Lifting::default();
    let text = line.trim_ascii();
    if text.len() <= LINE_BYTES_MAX {
        let is_json =
            text.starts_with('{') && text.ends_with('}') && json::lift(text, &mut lifting);
        if !is_json {
            lifting.fields.clear();
            logfmt::lift(text, &mut lifting);
        }
    }
    lifting.finish(text)
}

/// What a line says of its level and its trace, when its other fields are not wanted.
pub fn lift_few(line: &str) -> Vec<Pair> {
    let mut fields = lift(line);
    fields.retain(|(name, _)| [LEVEL, TRACE_ID, SPAN_ID].contains(&name.as_str()));
    fields
}

/// What every line has, so that a field from outside cannot have its name.
const OWN: [&str; 8] = [
    "body", LEVEL, TRACE_ID, SPAN_ID, "project", "service", "replica", "stream",
];
const EXTRACTED: &str = "_extracted";

/// The name of a field that comes from outside.
pub fn field_name(name: &str) -> Cow<'_, str> {
    if OWN.contains(&name) {
        format!("{name}{EXTRACTED}").into()
    } else {
        name.into()
    }
}

/// What a field was called before [`field_name`].
pub fn sent_name(name: &str) -> &str {
    let sent = name.strip_suffix(EXTRACTED);
    sent.filter(|sent| OWN.contains(sent)).unwrap_or(name)
}

/// What some fields mean, whatever libraries call them.
#[derive(Clone, Copy)]
enum Meaning {
    Level,
    Trace,
    Span,
    /// W3C `traceparent`: both.
    Parent,
}

fn meaning(name: &str) -> Option<Meaning> {
    Some(match name {
        "level" | "lvl" | "severity" | "loglevel" | "log.level" | "log_level" | "levelname"
        | "severity_text" | "severityText" | "@l" => Meaning::Level,
        "trace_id" | "traceId" | "traceID" | "traceid" | "trace.id" | "TraceId" | "otelTraceID"
        | "trace-id" | "@tr" => Meaning::Trace,
        "span_id" | "spanId" | "spanID" | "spanid" | "span.id" | "SpanId" | "otelSpanID"
        | "span-id" | "@sp" => Meaning::Span,
        "traceparent" => Meaning::Parent,
        _ => return None,
    })
}

/// What somebody sent beside a line, where it is the line's level, trace or span: under the name and in the spelling
/// that every line has it.
pub fn understood(name: &str, value: &str) -> Option<Pair> {
    let (name, value) = match meaning(name)? {
        Meaning::Level => (LEVEL, Level::from_word(value)?.word().to_owned()),
        Meaning::Trace => (TRACE_ID, format!("{:032x}", trace_id(value)?)),
        Meaning::Span => (SPAN_ID, format!("{:016x}", span_id(value)?)),
        Meaning::Parent => (TRACE_ID, format!("{:032x}", traceparent(value)?.0)),
    };
    Some((name.to_owned(), value))
}

/// The fields of a line, being found.
#[derive(Default)]
struct Lifting {
    fields: Vec<Pair>,
    level: Option<Level>,
    trace: Option<u128>,
    span: Option<u64>,
}

impl Lifting {
    fn has_room(&self) -> bool {
        self.fields.len() < FIELDS_MAX
    }

    /// Takes a field. What names the level or the trace is understood and, where it says nothing more, not kept twice.
    fn take(&mut self, name: &str, value: &str) {
        let is_understood = match meaning(name) {
            Some(Meaning::Level) => {
                let level = Level::from_word(value);
                self.level = self.level.or(level);
                level.is_some() && name == LEVEL
            }
            Some(Meaning::Trace) => self.is_trace(trace_id(value), name == TRACE_ID),
            Some(Meaning::Span) => {
                let span = span_id(value);
                self.span = self.span.or(span);
                // "0" stands for none in several libraries.
                name == SPAN_ID && (span.is_some() || value.trim_matches('0').is_empty())
            }
            Some(Meaning::Parent) => {
                if let Some((trace, span)) = traceparent(value) {
                    self.trace.get_or_insert(trace);
                    self.span.get_or_insert(span);
                }
                false
            }
            None => false,
        };
        if is_understood || !self.has_room() {
            return;
        }
        let name = name
            .get(..name.floor_char_boundary(NAME_BYTES_MAX))
            .unwrap_or(name);
        let value = value
            .get(..value.floor_char_boundary(VALUE_BYTES_MAX))
            .unwrap_or(value);
        let name = field_name(name);
        if !value.is_empty() && !self.fields.iter().any(|(known, _)| *known == name) {
            self.fields.push((name.into_owned(), value.to_owned()));
        }
    }

    fn is_trace(&mut self, trace: Option<u128>, is_own_name: bool) -> bool {
        self.trace = self.trace.or(trace);
        is_own_name && trace.is_some()
    }

    fn finish(mut self, text: &str) -> Vec<Pair> {
        if self.level.is_none() {
            self.level = level::in_text(text);
        }
        if self.trace.is_none()
            && let Some((trace, span)) = trace::in_text(text)
        {
            (self.trace, self.span) = (Some(trace), Some(span));
        }
        let mut put = |name: &str, value: String| self.fields.push((name.to_owned(), value));
        if let Some(level) = self.level {
            put(LEVEL, level.word().to_owned());
        }
        if let Some(trace) = self.trace {
            put(TRACE_ID, format!("{trace:032x}"));
            if let Some(span) = self.span {
                put(SPAN_ID, format!("{span:016x}"));
            }
        }
        self.fields
    }
}

#[cfg(test)]
mod tests;
