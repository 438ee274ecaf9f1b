//! What comes out.

use crate::Labels;
use crate::logql::pipeline::Kept;

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Lines or values.
    pub outcome: Outcome,
    /// What it took.
    pub statistics: Statistics,
}

/// Lines or values.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// In the order that was asked for.
    Lines(Vec<Kept>),
    /// A number at a time in nanoseconds since 1970, of an instant query.
    Scalar(i64, f64),
    /// Series with one value each, of an instant query. In order, where the query orders.
    Vector(Vec<Series>),
    /// Series with their values, of a range query. Sorted by labels.
    Matrix(Vec<Series>),
}

/// A series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What names it.
    pub labels: Labels,
    /// Times in nanoseconds since 1970, rising, and values.
    pub points: Vec<(i64, f64)>,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Lines that the store gave.
    pub lines_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Lines that passed their stages.
    pub lines_kept: u64,
}
