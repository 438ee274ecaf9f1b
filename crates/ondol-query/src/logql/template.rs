//! Templates of `line_format` and `label_format`: Go's `text/template` with the functions that Loki documents.

mod call;
mod lex;
mod math;
mod moment;
mod parse;
mod printf;
mod run;
mod text;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::quote::Quoted;
use parse::Node;

/// A line that a template makes longer than this is refused.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Actions that one line may take: a `range` may be in a `range`.
const STEPS_MAX: u32 = 100_000;

/// A template, read and checked. Two are the same when their texts are.
#[derive(Debug, Clone)]
pub struct Template {
    text: Arc<str>,
    nodes: Arc<[Node]>,
}

/// What a template can ask for.
pub(super) struct Scope<'a> {
    /// The line.
    pub(super) line: &'a str,
    /// Its moment, in nanoseconds since 1970.
    pub(super) at_ns: i64,
    /// The moment of the query.
    pub(super) now_ns: i64,
    /// The value of a label; empty without it.
    pub(super) label: &'a dyn Fn(&str) -> String,
    /// All of them.
    pub(super) labels: &'a dyn Fn() -> BTreeMap<String, String>,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            text: text.into(),
            nodes: parse::parse(text)?.into(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text that it makes; why not, when it cannot.
    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<String, String> {
        run::render(&self.nodes, scope)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.text).fmt(f)
    }
}

#[cfg(test)]
mod tests;
