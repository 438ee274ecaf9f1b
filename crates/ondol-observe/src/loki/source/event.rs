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
/// The field that lines of replicas have, and no others: which run of the replica it was.
const RUN: &str = "run";
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
        let (mut others, mut is_own) = (Vec::new(), false);
        for (field, value) in fields {
            is_own |= field == RUN;
            match field {
                BODY => parts.line = value,
                LEVEL => {
                    parts.metadata.push((Cow::Borrowed(DETECTED_LEVEL), value));
                    parts.lifted.push((Cow::Borrowed(LEVEL), value));
                }
                TRACE_ID | SPAN_ID => parts.metadata.push((Cow::Borrowed(field), value)),
                _ => others.push((label_name(field), value)),
            }
        }
        // What a replica wrote says in its text what else is known of it. Others may have outputs of these names too, and
        // what they send beside a line is nowhere in it.
        match is_own && matches!(stream.get(OUTPUT), "stdout" | "stderr") {
            true => parts.lifted.extend(others),
            false => parts.metadata.extend(others),
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
