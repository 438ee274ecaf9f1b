//! Values out of lines, and values out of values.

use super::{LabelFilter, LogQuery};
use crate::Place;
use crate::promql::{BinaryOp, Matching};

/// An expression that gives values.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// `1.5`
    Number(Number),
    /// `vector(1)`
    Vector(Number),
    /// `rate({app="x"}[5m])`
    Range(Box<RangeAggregate>),
    /// `sum by (app) (...)`
    Aggregate(Box<Aggregate>),
    /// `a + b`
    Binary(Box<Binary>),
    /// `label_replace(...)`
    LabelReplace(Box<LabelReplace>),
    /// `(a)`
    Paren(Box<Metric>),
}

impl Metric {
    /// Whether it is one number and no vector.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Binary(binary) => binary.left.is_scalar() && binary.right.is_scalar(),
            Self::Paren(inner) => inner.is_scalar(),
            Self::Vector(_) | Self::Range(_) | Self::Aggregate(_) | Self::LabelReplace(_) => false,
        }
    }
}

/// A number.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub f64);

/// NaN is itself here.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || (self.0.is_nan() && other.0.is_nan())
    }
}

/// What is made of the lines of a range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    /// Lines per second; unwrapped, the sum of the values per second.
    Rate,
    /// Per second, of values of a counter.
    RateCounter,
    /// Lines.
    Count,
    /// Bytes per second.
    BytesRate,
    /// Bytes.
    Bytes,
    /// 1 when there is nothing.
    Absent,
    /// Sum of the values.
    Sum,
    /// Their mean.
    Avg,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The first one.
    First,
    /// The last one.
    Last,
    /// The variance of all of them.
    Stdvar,
    /// Their deviation.
    Stddev,
    /// A quantile.
    Quantile,
}

impl RangeOp {
    pub(in crate::logql) const ALL: [(&'static str, Self); 15] = [
        ("rate", Self::Rate),
        ("rate_counter", Self::RateCounter),
        ("count_over_time", Self::Count),
        ("bytes_rate", Self::BytesRate),
        ("bytes_over_time", Self::Bytes),
        ("absent_over_time", Self::Absent),
        ("sum_over_time", Self::Sum),
        ("avg_over_time", Self::Avg),
        ("max_over_time", Self::Max),
        ("min_over_time", Self::Min),
        ("first_over_time", Self::First),
        ("last_over_time", Self::Last),
        ("stdvar_over_time", Self::Stdvar),
        ("stddev_over_time", Self::Stddev),
        ("quantile_over_time", Self::Quantile),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, op)| *op == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether it can be made of lines, without values.
    pub(in crate::logql) const fn takes_lines(self) -> bool {
        matches!(
            self,
            Self::Rate | Self::Count | Self::BytesRate | Self::Bytes | Self::Absent
        )
    }

    /// Whether it can be made of values.
    pub(in crate::logql) const fn takes_values(self) -> bool {
        !matches!(self, Self::Count | Self::BytesRate | Self::Bytes)
    }

    /// Whether it may have a `by` or `without` of its own.
    pub(in crate::logql) const fn takes_grouping(self) -> bool {
        matches!(
            self,
            Self::Avg
                | Self::Max
                | Self::Min
                | Self::First
                | Self::Last
                | Self::Stdvar
                | Self::Stddev
                | Self::Quantile
        )
    }
}

/// A range aggregation.
#[derive(Debug, Clone)]
pub struct RangeAggregate {
    /// Which.
    pub op: RangeOp,
    /// Which quantile.
    pub parameter: Option<Number>,
    /// Of what.
    pub range: LogRange,
    /// `by` or `without`.
    pub grouping: Option<Grouping>,
    /// Where.
    pub place: Place,
}

impl PartialEq for RangeAggregate {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.parameter, &self.grouping) == (other.op, &other.parameter, &other.grouping)
            && self.range == other.range
    }
}

/// Lines of a range of time: `{app="x"} | json | unwrap took [5m] offset 1h`
#[derive(Debug, Clone, PartialEq)]
pub struct LogRange {
    /// Which lines.
    pub query: LogQuery,
    /// The label that has the value.
    pub unwrap: Option<Unwrap>,
    /// How long, in nanoseconds.
    pub range_ns: i64,
    /// How long before, in nanoseconds.
    pub offset_ns: i64,
}

/// `| unwrap duration(took) | __error__=""`
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label.
    pub label: String,
    /// What it is; otherwise a number.
    pub conversion: Option<Conversion>,
    /// Conditions after it.
    pub filters: Vec<LabelFilter>,
}

/// How a label is read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// A size, in bytes.
    Bytes,
    /// A duration, in seconds.
    Duration,
    /// The same by its long name.
    DurationSeconds,
}

impl Conversion {
    pub(in crate::logql) const ALL: [(&'static str, Self); 3] = [
        ("bytes", Self::Bytes),
        ("duration", Self::Duration),
        ("duration_seconds", Self::DurationSeconds),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, conversion)| *conversion == self);
        found.map_or("", |(name, _)| name)
    }
}

/// `by (a)` or `without (a)`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Whether it is `without`.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// An aggregation over series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorOp {
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// How many.
    Count,
    /// Their deviation.
    Stddev,
    /// Their variance.
    Stdvar,
    /// The largest k.
    Topk,
    /// The smallest k.
    Bottomk,
    /// The largest k; Loki estimates them, here they are exact.
    ApproxTopk,
    /// In order.
    Sort,
    /// In falling order.
    SortDesc,
}

impl VectorOp {
    pub(in crate::logql) const ALL: [(&'static str, Self); 12] = [
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("max", Self::Max),
        ("min", Self::Min),
        ("count", Self::Count),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("topk", Self::Topk),
        ("bottomk", Self::Bottomk),
        ("approx_topk", Self::ApproxTopk),
        ("sort", Self::Sort),
        ("sort_desc", Self::SortDesc),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, op)| *op == self);
        found.map_or("", |(name, _)| name)
    }

    pub(in crate::logql) const fn takes_parameter(self) -> bool {
        matches!(self, Self::Topk | Self::Bottomk | Self::ApproxTopk)
    }

    pub(in crate::logql) const fn takes_grouping(self) -> bool {
        !matches!(self, Self::ApproxTopk | Self::Sort | Self::SortDesc)
    }
}

/// A vector aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub op: VectorOp,
    /// How many, for those that choose.
    pub parameter: Option<u32>,
    /// `by` or `without`.
    pub grouping: Option<Grouping>,
    /// Of what.
    pub of: Metric,
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// Which.
    pub op: BinaryOp,
    /// The left one.
    pub left: Metric,
    /// The right one.
    pub right: Metric,
    /// `bool`: a comparison gives 0 or 1 and filters nothing.
    pub return_bool: bool,
    /// Between two vectors.
    pub matching: Matching,
}

/// `label_replace(v, "to", "$1", "from", "(.*):.*")`
#[derive(Debug, Clone, PartialEq)]
pub struct LabelReplace {
    /// Of what.
    pub of: Metric,
    /// The label that is set.
    pub destination: String,
    /// To what; `$1` is a group of the pattern.
    pub replacement: String,
    /// The label that is asked.
    pub source: String,
    /// What all of its value must be.
    pub pattern: String,
}
