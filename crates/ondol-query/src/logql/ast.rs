//! Expressions, checked: patterns are compiled, templates are read. Two are equal when they mean the same; where they
//! stand in the text does not count.

mod metric;
mod stage;

pub use metric::{
    Aggregate, Binary, Conversion, Grouping, LabelReplace, LogRange, Metric, Number,
    RangeAggregate, RangeOp, Unwrap, VectorOp,
};
pub use stage::{
    Compared, Comparison, Extraction, Format, LabelFilter, LabelFormat, LineFilter, LineOp, Needle,
    Pick, Stage, Test,
};

use crate::Matcher;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Gives lines.
    Log(LogQuery),
    /// Gives values.
    Metric(Metric),
}

/// `{app="x"} |= "y" | json`
#[derive(Debug, Clone, PartialEq)]
pub struct LogQuery {
    /// Which streams.
    pub matchers: Vec<Matcher>,
    /// What is done with each line, in order.
    pub stages: Vec<Stage>,
}
