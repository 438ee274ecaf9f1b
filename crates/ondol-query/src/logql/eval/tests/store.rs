//! A store of a few lines, which looks at each of them.

use std::ops::ControlFlow;

use crate::logql::source::{LineTest, LogLine, LogSelection, LogSource, Order};
use crate::{Labels, SourceError};

#[derive(Default)]
pub(super) struct Lines {
    pub(super) all: Vec<Line>,
    /// Whether conditions that were pushed down are applied here too.
    pub(super) applies_conditions: bool,
}

#[derive(Clone)]
pub(super) struct Line {
    pub(super) stream: Labels,
    pub(super) at_ns: i64,
    pub(super) line: String,
    pub(super) metadata: Labels,
    pub(super) lifted: Labels,
}

impl Line {
    fn value<'a>(&'a self, label: &str) -> &'a str {
        let places = [&self.stream, &self.metadata, &self.lifted];
        let found = places.iter().find_map(|labels| labels.find(label));
        found.map_or("", |label| &label.value)
    }

    fn passes(&self, selection: &LogSelection<'_>) -> bool {
        selection.conditions.iter().all(|condition| {
            let text = condition
                .label
                .map_or(self.line.as_str(), |label| self.value(label));
            let holds = match condition.test {
                LineTest::Contains(part) => text.contains(part),
                LineTest::Matches(regex) => regex.is_match(text),
                LineTest::Equals(whole) => text == whole,
            };
            holds != condition.negated
        })
    }
}

impl LogSource for Lines {
    fn read(
        &self,
        selection: &LogSelection<'_>,
        sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let in_time = selection.start_ns..=selection.end_ns;
        let matches = |line: &&Line| {
            in_time.contains(&line.at_ns)
                && (selection.matchers.iter()).all(|matcher| matcher.matches_labels(&line.stream))
                && (!self.applies_conditions || line.passes(selection))
        };
        let mut found: Vec<&Line> = self.all.iter().filter(matches).collect();
        match selection.order {
            Order::OldestFirst => found.sort_by_key(|line| line.at_ns),
            // What is cheapest may be anything.
            Order::Any | Order::NewestFirst => {
                found.sort_by_key(|line| std::cmp::Reverse(line.at_ns));
            }
        }
        for line in found {
            let flow = sink(&LogLine {
                stream: &line.stream,
                at_ns: line.at_ns,
                line: &line.line,
                metadata: &pairs(&line.metadata),
                lifted: &pairs(&line.lifted),
            });
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn pairs(labels: &Labels) -> Vec<(&str, &str)> {
    labels
        .iter()
        .map(|label| (&*label.name, &*label.value))
        .collect()
}
