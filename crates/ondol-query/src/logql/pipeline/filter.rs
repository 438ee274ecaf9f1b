//! Conditions on labels.

use super::PipelineError;
use super::labels::{ERROR, LineLabels};
use crate::logql::ast::{Compared, Comparison, LabelFilter};
use crate::logql::{duration, size};
use crate::{MatchOp, Matcher};

/// Whether the line passes. A value that cannot be compared does, with an error.
pub(in crate::logql) fn passes(filter: &LabelFilter, labels: &mut LineLabels<'_>) -> bool {
    match filter {
        LabelFilter::And(sides) => passes(&sides[0], labels) && passes(&sides[1], labels),
        LabelFilter::Or(sides) => passes(&sides[0], labels) || passes(&sides[1], labels),
        LabelFilter::Text(matcher) => {
            let passes = matcher.matches(labels.get(matcher.name()).unwrap_or_default());
            if passes && asks_for_errors(matcher) && labels.error().is_some() {
                labels.keep_errors();
            }
            passes
        }
        LabelFilter::Value(comparison) => compares(comparison, labels),
        LabelFilter::Ip {
            label,
            negated,
            range,
        } => match labels.get(label) {
            Some(value) => range.is_in(value) != *negated,
            None => false,
        },
    }
}

/// Whether a condition is there to keep lines that went wrong, and not to leave some of them out.
fn asks_for_errors(matcher: &Matcher) -> bool {
    let positive = matches!(matcher.op(), MatchOp::Equal | MatchOp::Matches);
    matcher.name() == ERROR && (positive || !matcher.matches_empty())
}

fn compares(comparison: &Comparison, labels: &mut LineLabels<'_>) -> bool {
    // After an error, values are not what they seem: only texts can be asked.
    if labels.error().is_some() {
        return true;
    }
    let Some(value) = labels.get(&comparison.label) else {
        return false;
    };
    let both = match comparison.with {
        Compared::Number(with) => value.parse().ok().map(|value: f64| (value, with)),
        Compared::Duration(with) => {
            duration::parse_value(value).map(|value| (value as f64, with as f64))
        }
        Compared::Bytes(with) => size::parse(value).map(|value| (value as f64, with as f64)),
    };
    if let Some((value, with)) = both {
        return comparison.test.holds(value, with);
    }
    let kind = match comparison.with {
        Compared::Number(_) => "number",
        Compared::Duration(_) => "duration",
        Compared::Bytes(_) => "size",
    };
    let reason = format!(
        "the label {} is {}; expected a {kind}",
        comparison.label,
        crate::quote::Quoted(value)
    );
    labels.fail(PipelineError::LabelFilter, reason);
    true
}
