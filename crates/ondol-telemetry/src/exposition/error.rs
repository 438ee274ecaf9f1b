//! Where a page is wrong, and what was expected there.

use std::fmt;

/// A page that is not what its format says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpositionError {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
    /// What should have been there.
    pub expected: &'static str,
    /// What is there instead, shortened.
    pub found: String,
}

/// So much of what was found is shown.
const FOUND_CHARS_MAX: usize = 40;

impl ExpositionError {
    pub(crate) fn new(line: usize, column: usize, expected: &'static str, found: &str) -> Self {
        let mut shown: String = found.chars().take(FOUND_CHARS_MAX).collect();
        if shown.len() < found.len() {
            shown.push_str("...");
        }
        ExpositionError {
            line,
            column,
            expected,
            found: shown,
        }
    }
}

impl fmt::Display for ExpositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExpositionError {
            line,
            column,
            expected,
            found,
        } = self;
        write!(f, "line {line}, column {column}: expected {expected}")?;
        match found.as_str() {
            "" => f.write_str(", found the end of the line"),
            found => write!(f, ", found {found:?}"),
        }
    }
}

impl std::error::Error for ExpositionError {}

/// A mistake within one line, before anybody knows which line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Bytes from the start of the line.
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

impl Mistake {
    pub(super) fn on(self, number: usize, line: &str) -> ExpositionError {
        let found = line.get(self.at..).unwrap_or_default();
        ExpositionError::new(number, self.at + 1, self.expected, found)
    }
}
