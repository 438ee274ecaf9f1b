//! `PromQL`, the language of Prometheus 3: text to an expression ([`parse`]), expression to text (`Display`), and an
//! expression over a [`Source`](crate::Source) to values ([`evaluate`]).
//!
//! Error and annotation texts are Prometheus' own: tools and people look for them.

mod annotation;
mod ast;
mod check;
mod description;
mod eval;
mod features;
mod function;
mod lex;
mod operator;
mod parse;
mod pin;
mod print;
mod token;

pub use crate::place::Place;
pub use annotation::{Annotations, Level};
pub use ast::{
    Aggregate, At, Binary, Call, DurationExpr, Expr, Extension, Matching, MatrixSelector,
    NumberLiteral, Paren, StringLiteral, Subquery, TimeShift, Unary, ValueType, VectorSelector,
};
pub use description::{DescribedValue, describe_series};
pub use eval::{Answer, EvalError, Limits, Outcome, Query, Series, evaluate};
pub use features::Features;
pub use function::Function;
pub use operator::{Aggregation, BinaryOp, Cardinality, Fill};
pub use parse::{ParseError, parse, parse_matchers};
