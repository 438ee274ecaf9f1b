//! A pattern that is looked for in lines.

use std::fmt;
use std::sync::Arc;

use crate::PatternError;
use crate::matcher::Pattern;
use crate::quote::Quoted;

/// A pattern of RE2 that may match anywhere. Two are the same when their texts are.
#[derive(Debug, Clone)]
pub struct Regex {
    text: Arc<str>,
    dot_all: bool,
    pattern: Arc<Pattern>,
}

impl Regex {
    /// Of a line filter: `.` matches a line end too.
    pub(super) fn of_filter(text: &str) -> Result<Self, PatternError> {
        Self::new(text, true)
    }

    /// Of the parser `regexp`.
    pub(super) fn of_parser(text: &str) -> Result<Self, PatternError> {
        Self::new(text, false)
    }

    fn new(text: &str, dot_all: bool) -> Result<Self, PatternError> {
        Ok(Self {
            text: text.into(),
            dot_all,
            pattern: Arc::new(Pattern::anywhere(text, dot_all)?),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same in the words of the regex crates, for a store that searches by itself.
    ///
    /// # Errors
    ///
    /// Never for a pattern that could be made.
    pub fn in_rust(&self) -> Result<String, PatternError> {
        Pattern::in_rust(&self.text, self.dot_all)
    }

    /// Whether there is something in the text that it matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.pattern.is_match(text)
    }

    pub(super) fn named_groups(&self) -> Vec<(usize, String)> {
        self.pattern.named_groups()
    }

    pub(super) fn groups<'t>(&self, text: &'t str, wanted: &[usize]) -> Option<Vec<&'t str>> {
        self.pattern.groups(text, wanted)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.text).fmt(f)
    }
}
