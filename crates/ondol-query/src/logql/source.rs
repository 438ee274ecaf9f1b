//! The seam between the language and a store of lines.

use std::ops::ControlFlow;

use super::regex::Regex;
use crate::{Labels, Matcher, SourceError};

/// A store of lines.
pub trait LogSource {
    /// Gives each line of the selection to `sink`, until there are no more or it says that it has enough.
    ///
    /// # Errors
    ///
    /// When the store cannot answer, or refuses to.
    fn read(
        &self,
        selection: &LogSelection<'_>,
        sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;
}

/// What a query asks for.
#[derive(Debug, Clone)]
pub struct LogSelection<'a> {
    /// On the labels of the stream; all of them must match. A label that a stream does not have counts as empty.
    pub matchers: &'a [Matcher],
    /// First nanosecond, included.
    pub start_ns: i64,
    /// Last nanosecond, included.
    pub end_ns: i64,
    /// In which order lines come.
    pub order: Order,
    /// Lines for which one of these does not hold are of no use. A store may give them nevertheless: what it can
    /// tell fast, it leaves out.
    pub conditions: Vec<LineCondition<'a>>,
    /// What of each line matters. A store may give more.
    pub wanted: Wanted<'a>,
    /// About how many lines will be taken; none when all of them will be.
    pub lines_about: Option<usize>,
}

/// In which order lines come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As is cheapest.
    Any,
    /// By time.
    OldestFirst,
    /// By time, backward.
    NewestFirst,
}

/// A condition that every line of the answer fulfils.
#[derive(Debug, Clone, PartialEq)]
pub struct LineCondition<'a> {
    /// The label of the stream or of the line's metadata that is asked; none for the text of the line.
    pub label: Option<&'a str>,
    /// What it must be.
    pub test: LineTest<'a>,
    /// Whether it must not be so.
    pub negated: bool,
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq)]
pub enum LineTest<'a> {
    /// Has this in it.
    Contains(&'a str),
    /// Has something in it that this matches.
    Matches(&'a Regex),
    /// Is this.
    Equals(&'a str),
}

/// What of a line matters beside its time and stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Everything.
    All,
    /// These labels of its metadata, and its text if `line`.
    Labels {
        /// By name.
        names: Vec<&'a str>,
        /// Whether its text matters.
        line: bool,
    },
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// Labels of its stream.
    pub stream: &'a Labels,
    /// Its moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// Its text.
    pub line: &'a str,
    /// What else was sent with it: structured metadata. Shown with the labels.
    pub metadata: &'a [(&'a str, &'a str)],
    /// What the store found in the text itself. A condition, a template or a grouping finds it by name, without a
    /// parser; it is not shown.
    pub lifted: &'a [(&'a str, &'a str)],
}
