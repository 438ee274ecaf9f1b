//! Expressions, as they were written: parentheses and positions are kept.

use super::function::Function;
use super::operator::{Aggregation, BinaryOp, Cardinality, Fill};
use crate::Matcher;
use crate::place::Place;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A value for each of some series.
    Vector,
    /// Values over a time for each of some series.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// As error texts call it.
    #[must_use]
    pub const fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }

    /// As the HTTP API calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `1.5`, `5m`
    Number(NumberLiteral),
    /// `"text"`
    String(StringLiteral),
    /// `up{job="api"}`
    Vector(Box<VectorSelector>),
    /// `up[5m]`
    Matrix(Box<MatrixSelector>),
    /// `rate(up[5m])[1h:1m]`
    Subquery(Box<Subquery>),
    /// `rate(...)`
    Call(Call),
    /// `sum by (job) (...)`
    Aggregate(Box<Aggregate>),
    /// `a + b`
    Binary(Box<Binary>),
    /// `-a`
    Unary(Box<Unary>),
    /// `(a)`
    Paren(Box<Paren>),
}

/// A number, perhaps written as a duration.
#[derive(Debug, Clone, Copy)]
pub struct NumberLiteral {
    /// Seconds, if it is a duration.
    pub value: f64,
    /// Whether it was written as one.
    pub is_duration: bool,
    /// Where.
    pub place: Place,
}

/// By bits, so that NaN is itself.
impl PartialEq for NumberLiteral {
    fn eq(&self, other: &Self) -> bool {
        let same = self.value.to_bits() == other.value.to_bits()
            || (self.value.is_nan() && other.value.is_nan());
        same && self.is_duration == other.is_duration
    }
}

/// A text in quotes.
#[derive(Debug, Clone)]
pub struct StringLiteral {
    /// Bytes: `"\xff"` may stand for one that is no UTF-8.
    pub value: Vec<u8>,
    /// Where.
    pub place: Place,
}

impl StringLiteral {
    /// The text; what is no UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

impl PartialEq for StringLiteral {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The time that `@` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// `@ 1609746000`, in milliseconds.
    Time(i64),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// At which time a selector looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeShift {
    /// `offset 5m`: so much earlier.
    pub offset: Option<DurationExpr>,
    /// `@`: not at the time of evaluation, but then.
    pub at: Option<At>,
}

/// How samples at the edges of a range are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// The last sample before the range stands at its beginning.
    Anchored,
    /// Values at both ends are interpolated.
    Smoothed,
}

/// Series by name and labels.
#[derive(Debug, Clone)]
pub struct VectorSelector {
    /// The name in front of the braces; empty without one.
    pub name: String,
    /// All conditions, the name's as the last one.
    pub matchers: Vec<Matcher>,
    /// When.
    pub shift: TimeShift,
    /// `anchored`, `smoothed`.
    pub extension: Option<Extension>,
    /// Where.
    pub place: Place,
}

/// In any order of the conditions, which is how it is printed.
impl PartialEq for VectorSelector {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |selector: &Self| {
            let mut list: Vec<String> = selector.matchers.iter().map(ToString::to_string).collect();
            list.sort();
            list
        };
        self.name == other.name
            && sorted(self) == sorted(other)
            && self.shift == other.shift
            && self.extension == other.extension
    }
}

/// Series and their samples over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// Which, and when.
    pub vector: VectorSelector,
    /// How long.
    pub range: DurationExpr,
    /// Where the whole ends.
    pub end: End,
}

/// The end of an expression, which does not make a difference.
#[derive(Debug, Clone, Copy, Default)]
pub struct End(pub(crate) usize);

impl PartialEq for End {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An expression that is evaluated at many times.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What.
    pub expr: Expr,
    /// Over how long.
    pub range: DurationExpr,
    /// How often; the default when it is not said.
    pub step: Option<DurationExpr>,
    /// When.
    pub shift: TimeShift,
    /// Where it ends.
    pub end: End,
}

/// A function and its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which.
    pub function: &'static Function,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// Where.
    pub place: Place,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.args == other.args
    }
}

/// An aggregation over groups.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Which.
    pub op: Aggregation,
    /// `by` or `without` these.
    pub grouping: Vec<String>,
    /// Whether it is `without`.
    pub without: bool,
    /// The number or text in front, for those that take one.
    pub parameter: Option<Expr>,
    /// Of what.
    pub expr: Expr,
    /// Where.
    pub place: Place,
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.grouping, self.without) == (other.op, &other.grouping, other.without)
            && self.parameter == other.parameter
            && self.expr == other.expr
    }
}

/// Which series of both sides belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matching {
    /// How many of which side.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Whether it is `on`.
    pub on: bool,
    /// Labels of the "one" side that the result gets.
    pub include: Vec<String>,
    /// Values of series that one side does not have.
    pub fill: Fill,
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// Which.
    pub op: BinaryOp,
    /// The left one.
    pub left: Expr,
    /// The right one.
    pub right: Expr,
    /// `bool`: a comparison gives 0 or 1 and filters nothing.
    pub return_bool: bool,
    /// Between two vectors.
    pub matching: Matching,
}

/// A sign.
#[derive(Debug, Clone)]
pub struct Unary {
    /// Whether it is a minus.
    pub negative: bool,
    /// Of what.
    pub expr: Expr,
    /// Where it begins.
    pub start: usize,
}

impl PartialEq for Unary {
    fn eq(&self, other: &Self) -> bool {
        self.negative == other.negative && self.expr == other.expr
    }
}

/// Parentheses.
#[derive(Debug, Clone)]
pub struct Paren {
    /// What is in them.
    pub expr: Expr,
    /// Where.
    pub place: Place,
}

impl PartialEq for Paren {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

/// A length of time, which may be calculated.
#[derive(Debug, Clone)]
pub enum DurationExpr {
    /// `5m`, `300`, `-5m`
    Literal(NumberLiteral),
    /// `step()`
    Step(Place),
    /// `range()`
    Range(Place),
    /// `min_of(a, b)` when false, `max_of(a, b)` when true.
    Choice(bool, Box<[DurationExpr; 2]>, Place),
    /// `-a`
    Negative(Box<DurationExpr>, usize),
    /// `a * b`
    Binary(BinaryOp, Box<[DurationExpr; 2]>),
    /// `(a)`
    Paren(Box<DurationExpr>),
}

impl PartialEq for DurationExpr {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl DurationExpr {
    /// Where it is; parentheses around it do not count.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Literal(literal) => literal.place,
            Self::Step(place) | Self::Range(place) | Self::Choice(_, _, place) => *place,
            Self::Negative(inner, start) => Place::new(*start, inner.place().end),
            Self::Binary(_, sides) => sides[0].place().to(sides[1].place()),
            Self::Paren(inner) => inner.place(),
        }
    }
}

impl Expr {
    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(call) => call.function.returns,
            Self::Binary(binary) => {
                let scalars = binary.left.value_type() == ValueType::Scalar
                    && binary.right.value_type() == ValueType::Scalar;
                if scalars {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Self::Unary(unary) => unary.expr.value_type(),
            Self::Paren(paren) => paren.expr.value_type(),
        }
    }

    /// Where it is in the query.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Number(literal) => literal.place,
            Self::String(literal) => literal.place,
            Self::Vector(selector) => selector.place,
            Self::Matrix(matrix) => Place::new(matrix.vector.place.start, matrix.end.0),
            Self::Subquery(subquery) => Place::new(subquery.expr.place().start, subquery.end.0),
            Self::Call(call) => call.place,
            Self::Aggregate(aggregate) => aggregate.place,
            Self::Binary(binary) => binary.left.place().to(binary.right.place()),
            Self::Unary(unary) => Place::new(unary.start, unary.expr.place().end),
            Self::Paren(paren) => paren.place,
        }
    }

    /// What is in the parentheses, if there are some.
    pub(crate) fn bare(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }
}
