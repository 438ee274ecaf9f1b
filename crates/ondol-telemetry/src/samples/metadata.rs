//! What pages say about their metrics: kinds, help, units.

use std::collections::BTreeMap;

use crate::exposition::{Line, Text};

/// Families that are remembered, and bytes of one text.
const FAMILIES_MAX: usize = 10_000;
const TEXT_BYTES_MAX: usize = 512;

/// What was said about a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, ...; empty when nobody said.
    pub kind: &'static str,
    /// What it is, for people.
    pub help: String,
    /// Its unit.
    pub unit: String,
}

/// By the name of the family.
#[derive(Default)]
pub(super) struct MetadataTable(BTreeMap<String, Metadata>);

impl MetadataTable {
    pub(super) fn note(&mut self, line: &Line<'_>) {
        match line {
            Line::Type { family, kind } => {
                self.change(family, |known| known.kind = kind.word());
            }
            Line::Help { family, text } => {
                self.change(family, |known| known.help = cut(&text.meant()));
            }
            Line::Unit { family, unit } => {
                self.change(family, |known| known.unit = cut(unit));
            }
            Line::Sample(_) | Line::Comment | Line::End => {}
        }
    }

    fn change(&mut self, family: &Text<'_>, change: impl FnOnce(&mut Metadata)) {
        if let Some(known) = self.of(&family.meant()) {
            change(known);
        }
    }

    pub(super) fn set(&mut self, family: &str, metadata: Metadata) {
        if let Some(known) = self.of(family) {
            *known = metadata;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Metadata)> {
        self.0
            .iter()
            .map(|(name, metadata)| (name.as_str(), metadata))
    }

    fn of(&mut self, family: &str) -> Option<&mut Metadata> {
        if self.0.len() >= FAMILIES_MAX && !self.0.contains_key(family) {
            return None;
        }
        Some(self.0.entry(family.to_owned()).or_default())
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}
