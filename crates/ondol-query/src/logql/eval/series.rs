//! The series that lines belong to.

use std::collections::BTreeMap;

use super::EvalError;
use super::tally::Tally;
use crate::logql::ast::Grouping;
use crate::logql::pipeline::LineLabels;
use crate::{Labels, LabelsBuilder};

/// Labels that are kept next to those that a grouping names.
const OF_ERRORS: [&str; 2] = ["__error__", "__error_details__"];

/// Series in the making, and what is in each bucket of time.
pub(super) struct SeriesSet<'a> {
    grouping: Option<&'a Grouping>,
    /// The label that was unwrapped, which is its value and no name.
    without: Option<&'a str>,
    most: usize,
    index: BTreeMap<Vec<u8>, usize>,
    pub(super) all: Vec<(Labels, BTreeMap<u64, Tally>)>,
    key: Vec<u8>,
}

impl<'a> SeriesSet<'a> {
    pub(super) fn new(
        grouping: Option<&'a Grouping>,
        without: Option<&'a str>,
        most: usize,
    ) -> Self {
        Self {
            grouping,
            without,
            most,
            index: BTreeMap::new(),
            all: Vec::new(),
            key: Vec::new(),
        }
    }

    fn names(&self, label: &str) -> bool {
        if OF_ERRORS.contains(&label) {
            return true;
        }
        match self.grouping {
            Some(Grouping {
                without: false,
                labels,
            }) => labels.iter().any(|by| by == label),
            Some(Grouping { labels, .. }) if labels.iter().any(|not| not == label) => false,
            _ => self.without != Some(label),
        }
    }

    /// The buckets of the series that a line with these labels belongs to.
    pub(super) fn of(
        &mut self,
        labels: &LineLabels<'_>,
    ) -> Result<&mut BTreeMap<u64, Tally>, EvalError> {
        let by: &[String] = match self.grouping {
            Some(Grouping {
                without: false,
                labels,
            }) => labels,
            _ => &[],
        };
        let grouped_by = matches!(self.grouping, Some(Grouping { without: false, .. }));
        let shown = labels
            .shown()
            .filter(|(name, value)| !value.is_empty() && self.names(name));
        // What was lifted is found by its name only.
        let lifted = by.iter().filter(|_| grouped_by).filter_map(|name| {
            let value = labels.get(name).filter(|value| !value.is_empty())?;
            Some((name.as_str(), value))
        });
        let mut pairs: Vec<(&str, &str)> = shown.chain(lifted).collect();
        pairs.sort_unstable();
        pairs.dedup_by_key(|(name, _)| *name);
        self.key.clear();
        for (name, value) in &pairs {
            // No byte of a text is 0xff.
            self.key.extend_from_slice(name.as_bytes());
            self.key.push(0xff);
            self.key.extend_from_slice(value.as_bytes());
            self.key.push(0xff);
        }
        let at = match self.index.get(&self.key) {
            Some(at) => *at,
            None => {
                if self.all.len() >= self.most {
                    return Err(EvalError::too_many("series", self.most as u64));
                }
                let mut builder = LabelsBuilder::default();
                for (name, value) in pairs {
                    builder.set(name, value);
                }
                self.index.insert(self.key.clone(), self.all.len());
                self.all.push((builder.build(), BTreeMap::new()));
                self.all.len() - 1
            }
        };
        Ok(&mut self.all[at].1)
    }
}
