//! What a store can be told of a query, so that it leaves out lines early.

use crate::MatchOp;
use crate::logql::ast::{LabelFilter, LineFilter, LineOp, Needle, Stage};
use crate::logql::source::{LineCondition, LineTest};

/// Conditions that every line of the answer fulfils, of the stages that look at lines as the store has them. As many
/// as stages when the stages say nothing else.
pub(super) fn conditions(stages: &[Stage]) -> Vec<LineCondition<'_>> {
    let (mut conditions, mut labels_known) = (Vec::new(), true);
    for stage in stages {
        match stage {
            Stage::Line(filter) => conditions.extend(of_line(filter)),
            Stage::Label(filter) if labels_known => conditions.extend(of_label(filter)),
            Stage::Label(_) => {}
            // They add labels and leave the line as it is; others drop or rename some.
            Stage::Json(_) | Stage::Logfmt { .. } | Stage::Pattern(_) | Stage::Regexp(_) => {
                labels_known = false;
            }
            Stage::Drop(_) | Stage::Keep(_) | Stage::LabelFormat(_) => labels_known = false,
            // The line is another one from here on.
            Stage::Unpack | Stage::Decolorize | Stage::LineFormat(_) => break,
        }
    }
    conditions
}

fn of_line(filter: &LineFilter) -> Option<LineCondition<'_>> {
    let [needle] = filter.needles.as_slice() else {
        return None;
    };
    let test = match needle {
        Needle::Text(text) => LineTest::Contains(text),
        Needle::Regex(regex) => LineTest::Matches(regex),
        // Its longest literal is in every line that fits; those that do not fit may have it too.
        Needle::Pattern(pattern) if filter.op == LineOp::Fits => {
            LineTest::Contains(pattern.longest_literal())
        }
        Needle::Pattern(_) | Needle::Ip(_) => return None,
    };
    Some(LineCondition {
        label: None,
        test,
        negated: filter.op.is_negated(),
    })
}

fn of_label(filter: &LabelFilter) -> Option<LineCondition<'_>> {
    let LabelFilter::Text(matcher) = filter else {
        return None;
    };
    // What begins so is made by stages.
    let is_own = matcher.name().starts_with("__") || matcher.name().ends_with("_extracted");
    let negated = match matcher.op() {
        MatchOp::Equal => false,
        MatchOp::NotEqual => true,
        MatchOp::Matches | MatchOp::NotMatches => return None,
    };
    (!is_own).then(|| LineCondition {
        label: Some(matcher.name()),
        test: LineTest::Equals(matcher.value()),
        negated,
    })
}
