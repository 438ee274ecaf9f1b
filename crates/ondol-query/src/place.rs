//! Where something is in a query.

use std::fmt;

/// A part of the text of a query, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The first one.
    pub start: usize,
    /// The one after the last.
    pub end: usize,
}

impl Place {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the beginning of this to the end of the other.
    pub(crate) const fn to(self, other: Self) -> Self {
        Self::new(self.start, other.end)
    }

    /// Line and column of its beginning, both from 1; columns count bytes, as Prometheus does.
    #[must_use]
    pub fn in_text(self, text: &str) -> LineColumn {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        LineColumn {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.len() - line_start + 1,
        }
    }
}

/// `1:5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
