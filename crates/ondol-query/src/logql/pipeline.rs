//! Lines through the stages of a query.

mod colour;
mod filter;
mod format;
mod labels;
mod parser;

use std::borrow::Cow;

use super::ast::{LogQuery, Stage};
use super::source::LogLine;
pub(super) use filter::passes;
pub(super) use labels::LineLabels;

/// What goes wrong with a line; the value of its label `__error__`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipelineError {
    /// It is no JSON.
    Json,
    /// It is no logfmt.
    Logfmt,
    /// A label is not what it is compared as.
    LabelFilter,
    /// A template cannot be filled in.
    Template,
    /// The label that is unwrapped is no number.
    Extraction,
}

impl PipelineError {
    /// As Loki calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSONParserErr",
            Self::Logfmt => "LogfmtParserErr",
            Self::LabelFilter => "LabelFilterErr",
            Self::Template => "TemplateFormatErr",
            Self::Extraction => "SampleExtractionErr",
        }
    }
}

/// The stages of a query, for one line after the other.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline<'q> {
    stages: &'q [Stage],
    now_ns: i64,
}

/// A line that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// Its text, perhaps rewritten.
    pub line: String,
    /// What is left of the labels of its stream; sorted by name, as are the others.
    pub stream: Vec<(String, String)>,
    /// What is left of its metadata.
    pub metadata: Vec<(String, String)>,
    /// What was parsed out of it or set, and what went wrong.
    pub parsed: Vec<(String, String)>,
}

/// A line on its way.
pub(super) struct Passing<'l> {
    pub(super) at_ns: i64,
    pub(super) line: Cow<'l, str>,
    pub(super) labels: LineLabels<'l>,
}

impl<'q> Pipeline<'q> {
    /// The stages of a query, which is asked at a moment in nanoseconds since 1970.
    #[must_use]
    pub fn of(query: &'q LogQuery, now_ns: i64) -> Self {
        Self {
            stages: &query.stages,
            now_ns,
        }
    }

    /// The line as it comes out; none when it does not pass.
    #[must_use]
    pub fn run(&self, line: &LogLine<'_>) -> Option<Kept> {
        self.pass(line).map(Passing::kept)
    }

    pub(super) fn pass<'l>(&self, line: &LogLine<'l>) -> Option<Passing<'l>>
    where
        'q: 'l,
    {
        let mut passing = Passing {
            at_ns: line.at_ns,
            line: Cow::Borrowed(line.line),
            labels: LineLabels::of(line),
        };
        for stage in self.stages {
            if !self.stage(stage, &mut passing) {
                return None;
            }
        }
        Some(passing)
    }

    /// Whether the line goes on.
    fn stage<'l>(&self, stage: &'l Stage, passing: &mut Passing<'l>) -> bool
    where
        'q: 'l,
    {
        let Passing {
            line,
            labels,
            at_ns,
        } = passing;
        match stage {
            Stage::Line(filter) => return filter.passes(line),
            Stage::Label(condition) => return filter::passes(condition, labels),
            Stage::Json(only) => parser::json(line, only, labels),
            Stage::Logfmt {
                strict,
                keep_empty,
                only,
            } => parser::logfmt(line, (*strict, *keep_empty), only, labels),
            Stage::Pattern(pattern) => parser::pattern(line, pattern, labels),
            Stage::Regexp(regex) => parser::regexp(line, regex, labels),
            Stage::Unpack => {
                if let Some(entry) = parser::unpack(line, labels) {
                    *line = Cow::Owned(entry);
                }
            }
            Stage::Decolorize => {
                if let Some(plain) = colour::without(line) {
                    *line = Cow::Owned(plain);
                }
            }
            Stage::LineFormat(template) => {
                match format::render(template, (line, *at_ns, self.now_ns), labels) {
                    Ok(text) => *line = Cow::Owned(text),
                    Err(reason) => labels.fail(PipelineError::Template, reason),
                }
            }
            Stage::LabelFormat(formats) => {
                format::labels(formats, (line, *at_ns, self.now_ns), labels);
            }
            Stage::Drop(picks) => labels.drop(picks),
            Stage::Keep(picks) => labels.keep(picks),
        }
        true
    }
}

impl Passing<'_> {
    pub(super) fn kept(self) -> Kept {
        let (stream, metadata, parsed) = self.labels.into_shown();
        Kept {
            at_ns: self.at_ns,
            line: self.line.into_owned(),
            stream,
            metadata,
            parsed,
        }
    }
}
