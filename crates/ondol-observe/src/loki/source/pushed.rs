//! Conditions of a query that the engine can tell fast.

use std::collections::BTreeSet;
use std::sync::Arc;

use ondol_query::SourceError;
use ondol_query::logql::{LineCondition, LineTest, LogSelection};
use ondol_telemetry::{BODY, Condition, TRACE_ID, Test};

use super::event::{DETECTED_LEVEL, LEVEL};

/// What the engine is asked. `stream_labels`: names that some stream has, which are in no field.
pub(super) fn conditions(
    selection: &LogSelection<'_>,
    stream_labels: impl FnOnce() -> Result<BTreeSet<Arc<str>>, SourceError>,
) -> Result<Vec<Condition>, SourceError> {
    let asks_labels = selection
        .conditions
        .iter()
        .any(|condition| condition.label.is_some());
    let names = if asks_labels {
        stream_labels()?
    } else {
        BTreeSet::new()
    };
    let mut conditions: Vec<Condition> = (selection.conditions.iter())
        .filter_map(|condition| {
            let field = match condition.label {
                None => BODY,
                Some(label) if names.contains(label) => return None,
                Some(label) => field_of(label)?,
            };
            Some(Condition {
                field: field.to_owned(),
                test: test(condition)?,
                negated: condition.negated,
            })
        })
        .collect();
    let needs_body = |condition: &Condition| {
        let has_text = matches!(&condition.test, Test::Contains(text) if !text.is_empty());
        condition.field == BODY && has_text && !condition.negated
    };
    if !conditions.iter().any(needs_body) {
        // What has no body is no line: a span.
        conditions.push(Condition {
            field: BODY.to_owned(),
            test: Test::Equals(String::new()),
            negated: true,
        });
    }
    Ok(conditions)
}

fn test(condition: &LineCondition<'_>) -> Option<Test> {
    Some(match condition.test {
        LineTest::Contains(text) => Test::Contains(text.to_owned()),
        LineTest::Equals(text) => Test::Equals(text.to_owned()),
        // One that the engine cannot take is asked of each line afterwards.
        LineTest::Matches(regex) => Test::pattern(&regex.in_rust().ok()?).ok()?,
    })
}

/// The field that a label is, when it can be no other: names of fields may have signs that labels do not.
fn field_of(label: &str) -> Option<&str> {
    match label {
        DETECTED_LEVEL => Some(LEVEL),
        TRACE_ID | "span_id" => Some(label),
        _ if label.contains('_') => None,
        _ => Some(label),
    }
}
