//! `LogQL`, the language of Loki 3: text to an expression ([`parse`]), expression to text (`Display`), and an
//! expression over a [`LogSource`] to lines or values ([`evaluate`]).
//!
//! A metric query is a `PromQL` expression whose leaves are made of lines: what is above the leaves is evaluated by
//! [`promql`](crate::promql).

mod ast;
mod duration;
mod eval;
mod ip;
mod json;
mod lex;
mod logfmt;
mod parse;
mod pattern;
mod pipeline;
mod print;
mod regex;
mod size;
mod source;
mod template;

pub use ast::{
    Aggregate, Binary, Compared, Comparison, Conversion, Expr, Extraction, Format, Grouping,
    LabelFilter, LabelFormat, LabelReplace, LineFilter, LineOp, LogQuery, LogRange, Metric, Needle,
    Number, Pick, RangeAggregate, RangeOp, Stage, Test, Unwrap, VectorOp,
};
pub use eval::{
    Answer, Direction, EvalError, Limits, Outcome, Query, Series, Statistics, evaluate,
};
pub use ip::IpRange;
pub use json::Path;
pub use parse::{ParseError, parse, parse_selector};
pub use pattern::LinePattern;
pub use pipeline::{Kept, Pipeline, PipelineError};
pub use regex::Regex;
pub use source::{LineCondition, LineTest, LogLine, LogSelection, LogSource, Order, Wanted};
pub use template::Template;

/// Whether a text is a duration as lines have it: `1m30s`.
#[must_use]
pub fn is_duration(text: &str) -> bool {
    duration::parse_value(text).is_some()
}

/// Whether a text is a number of bytes: `20KB`, `5 MiB`.
#[must_use]
pub fn is_size(text: &str) -> bool {
    size::parse(text).is_some()
}
