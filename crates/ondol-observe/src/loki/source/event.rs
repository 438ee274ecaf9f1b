//! An event as a line.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ondol_query::Labels;
use ondol_query::logql::LogLine;
use ondol_telemetry::{BODY, TRACE_ID};

use super::label_name;

/// The field of a line's level, and what Loki calls it.
pub(super) const LEVEL: &str = "level";
pub(super) const DETECTED_LEVEL: &str = "detected_level";
const SPAN_ID: &str = "span_id";
/// The label that says to which output a service wrote.
const OUTPUT: &str = "stream";

/// What a line is made of.
pub(super) struct Parts<'a> {
    line: &'a str,
    metadata: Vec<(Cow<'a, str>, &'a str)>,
    lifted: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(stream: &Labels, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut parts = Parts {
            line: "",
            metadata: Vec::new(),
            lifted: Vec::new(),
        };
        // What a service wrote itself says in its text what else is known of it.
        let is_output = matches!(stream.get(OUTPUT), "stdout" | "stderr");
        for (field, value) in fields {
            match field {
                BODY => parts.line = value,
                LEVEL => {
                    parts.metadata.push((Cow::Borrowed(DETECTED_LEVEL), value));
                    parts.lifted.push((Cow::Borrowed(LEVEL), value));
                }
                TRACE_ID | SPAN_ID => parts.metadata.push((Cow::Borrowed(field), value)),
                _ if is_output => parts.lifted.push((label_name(field), value)),
                _ => parts.metadata.push((label_name(field), value)),
            }
        }
        parts
    }

    pub(super) fn give(
        &self,
        stream: &Labels,
        at_ns: i64,
        sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        sink(&LogLine {
            stream,
            at_ns,
            line: self.line,
            metadata: &borrowed(&self.metadata),
            lifted: &borrowed(&self.lifted),
        })
    }
}

fn borrowed<'b>(pairs: &'b [(Cow<'_, str>, &'b str)]) -> Vec<(&'b str, &'b str)> {
    pairs
        .iter()
        .map(|(name, value)| (&**name, *value))
        .collect()
}

/// Whether a label is made of this field.
pub(super) fn field_of(label: &str, field: &str) -> bool {
    (label == DETECTED_LEVEL && field == LEVEL) || label_name(field) == label
}
