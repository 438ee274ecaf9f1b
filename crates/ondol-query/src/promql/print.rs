//! Expressions as text, which reads back as the same expression.

use std::fmt::{self, Display, Write as _};

use super::ast::{
    Aggregate, At, Binary, Call, DurationExpr, Expr, Extension, NumberLiteral, Subquery, TimeShift,
    VectorSelector,
};
use super::operator::Cardinality;
use crate::labels::is_plain_name;
use crate::number::plain;
use crate::quote::{Quoted, QuotedBytes};
use crate::{METRIC_NAME, MatchOp};

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(literal) => literal.fmt(f),
            Self::String(literal) => QuotedBytes(&literal.value).fmt(f),
            Self::Vector(vector) => selector(vector, None, f),
            Self::Matrix(matrix) => selector(&matrix.vector, Some(&matrix.range), f),
            Self::Subquery(subquery) => subquery.fmt(f),
            Self::Call(call) => call.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::Unary(unary) => {
                write!(
                    f,
                    "{}{}",
                    if unary.negative { '-' } else { '+' },
                    unary.expr
                )
            }
            Self::Paren(paren) => write!(f, "({})", paren.expr),
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_duration {
            return f.write_str(&plain(self.value));
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 292 years")]
        let ms = (self.value * 1000.0).round() as i64;
        f.write_str(&crate::duration::format(ms))
    }
}

fn selector(
    vector: &VectorSelector,
    range: Option<&DurationExpr>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let mut name = vector.name.as_str();
    let mut conditions = Vec::new();
    for matcher in &vector.matchers {
        let of_name = matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
        if of_name && !name.is_empty() && matcher.value() == name {
            continue;
        }
        conditions.push(matcher.to_string());
    }
    conditions.sort();
    if !name.is_empty()
        && !name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_:".contains(&c))
    {
        conditions.insert(0, Quoted(name).to_string());
        name = "";
    }
    f.write_str(name)?;
    if !conditions.is_empty() || name.is_empty() {
        write!(f, "{{{}}}", conditions.join(","))?;
    }
    if let Some(range) = range {
        write!(f, "[{range}]")?;
    }
    if let Some(at) = vector.shift.at {
        at.fmt(f)?;
    }
    match vector.extension {
        Some(Extension::Anchored) => f.write_str(" anchored")?,
        Some(Extension::Smoothed) => f.write_str(" smoothed")?,
        None => {}
    }
    offset(&vector.shift, f)
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(ms) => {
                let sign = if *ms < 0 { "-" } else { "" };
                let ms = ms.unsigned_abs();
                write!(f, " @ {sign}{}.{:03}", ms / 1000, ms % 1000)
            }
            Self::Start => f.write_str(" @ start()"),
            Self::End => f.write_str(" @ end()"),
        }
    }
}

fn offset(shift: &TimeShift, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &shift.offset {
        None => Ok(()),
        Some(duration) => write!(f, " offset {duration}"),
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.expr, self.range)?;
        if let Some(step) = &self.step {
            step.fmt(f)?;
        }
        f.write_char(']')?;
        if let Some(at) = self.shift.at {
            at.fmt(f)?;
        }
        offset(&self.shift, f)
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        joined(&self.args, f)?;
        f.write_char(')')
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if self.without {
            write!(f, " without ({}) ", Names(&self.grouping))?;
        } else if !self.grouping.is_empty() {
            write!(f, " by ({}) ", Names(&self.grouping))?;
        }
        f.write_char('(')?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.as_str())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        let matching = &self.matching;
        let group = match matching.cardinality {
            Cardinality::ManyToOne => "group_left",
            Cardinality::OneToMany => "group_right",
            Cardinality::OneToOne | Cardinality::ManyToMany => "",
        };
        if !matching.labels.is_empty() || matching.on || !group.is_empty() {
            let tag = if matching.on { "on" } else { "ignoring" };
            write!(f, " {tag} ({})", Names(&matching.labels))?;
            if !group.is_empty() {
                write!(f, " {group} ({})", Names(&matching.include))?;
            }
        }
        match (matching.fill.left, matching.fill.right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", plain(left))?;
            }
            (left, right) => {
                if let Some(value) = left {
                    write!(f, " fill_left ({})", plain(value))?;
                }
                if let Some(value) = right {
                    write!(f, " fill_right ({})", plain(value))?;
                }
            }
        }
        write!(f, " {}", self.right)
    }
}

fn joined(list: &[impl Display], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, item) in list.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// Names of labels; those that are no words in quotes.
struct Names<'a>(&'a [String]);

impl Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_plain_name(name) {
                f.write_str(name)?;
            } else {
                Quoted(name).fmt(f)?;
            }
        }
        Ok(())
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => {
                // In brackets and after `offset`, a number is as many seconds.
                #[expect(clippy::cast_possible_truncation, reason = "compared on the next line")]
                let ms = (literal.value * 1000.0).round() as i64;
                #[expect(clippy::cast_precision_loss, reason = "at most 292 years")]
                let exact = (ms as f64 / 1000.0).to_bits() == literal.value.to_bits();
                if exact {
                    f.write_str(&crate::duration::format(ms))
                } else {
                    f.write_str(&plain(literal.value))
                }
            }
            Self::Step(_) => f.write_str("step()"),
            Self::Range(_) => f.write_str("range()"),
            Self::Choice(larger, sides, _) => {
                let name = if *larger { "max_of" } else { "min_of" };
                write!(f, "{name}({}, {})", sides[0], sides[1])
            }
            Self::Negative(inner, _) => write!(f, "-{inner}"),
            Self::Binary(op, sides) => write!(f, "{} {} {}", sides[0], op.as_str(), sides[1]),
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}
