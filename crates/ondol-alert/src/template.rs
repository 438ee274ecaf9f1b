//! The templates of labels and annotations: the part of Go's `text/template` that alerting rules are written in, and
//! Prometheus' functions. What is not among it is an error with its place when the rule is read.

mod call;
mod lex;
mod parse;
mod printf;
mod run;
mod text;
mod units;
mod value;

use std::fmt;

pub(crate) use text::graph_link;

use crate::rule::Labels;
use crate::sample::QueryResult;

/// A text with actions in `{{ }}`, read and ready to be filled in.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    block: parse::Block,
}

/// What a template is filled in with.
pub struct TemplateContext<'a> {
    /// `$labels`: those of the element, its name among them.
    pub labels: &'a Labels,
    /// `$value`.
    pub value: f64,
    /// `$externalLabels`.
    pub external_labels: &'a Labels,
    /// `$externalURL`.
    pub external_url: &'a str,
    /// The moment of the evaluation, in milliseconds of Unix time.
    pub at_ms: i64,
    /// What a query that the template asks answered, once that is known.
    pub answers: &'a dyn Fn(&str) -> Option<QueryResult>,
}

/// Why a template was not filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// It asks this query first. Answered, it is filled in anew.
    Asks(String),
    /// It cannot be.
    Failed(String),
}

/// What is wrong with a template's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// One sentence.
    pub message: String,
    /// The byte of the text where it is wrong.
    pub at: usize,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template: {} (at its byte {})", self.message, self.at)
    }
}

/// A template's text, in bytes.
const TEXT_MAX: usize = 64 << 10;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it, or that is not part of the language here.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEXT_MAX {
            let message = format!("it is longer than {TEXT_MAX} bytes");
            return Err(TemplateError { message, at: 0 });
        }
        let block = parse::parse(text)?;
        let text = text.to_owned();
        Ok(Template { text, block })
    }

    /// A text that stands for itself.
    pub fn literal(text: &str) -> Self {
        let block = parse::literal(text);
        let text = text.to_owned();
        Template { text, block }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text that it stands for.
    ///
    /// # Errors
    ///
    /// That it asks a query whose answer is not known yet, or that it cannot be filled in.
    pub fn expand(&self, context: &TemplateContext<'_>) -> Result<String, Unfilled> {
        run::run(&self.block, context)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests;
