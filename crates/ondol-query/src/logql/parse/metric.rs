//! `sum by (app) (rate(...)) / on (app) group_left sum(...) > 5`

use super::{Parser, Refused, refuse};
use crate::Place;
use crate::logql::ast::{Aggregate, Binary, Expr, LabelReplace, Metric, Number, RangeOp, VectorOp};
use crate::logql::lex::Kind;
use crate::matcher::Pattern;
use crate::promql::{BinaryOp, Cardinality, Matching};

impl Parser<'_> {
    /// An expression of operators that bind at least so tightly.
    pub(super) fn expr(&mut self, least: u8) -> Result<Expr, Refused> {
        self.deeper(|parser| {
            let place = parser.place();
            let mut left = parser.primary()?;
            for _ in 0..super::DEPTH_MAX {
                let Some(op) = parser.binary_op().filter(|op| op.precedence() >= least) else {
                    return Ok(left);
                };
                let metric = metric_of(left, place)?;
                left = Expr::Metric(parser.binary(metric, op)?);
            }
            refuse(
                parser.place(),
                format!(
                    "more than {} operators in a row; expected fewer",
                    super::DEPTH_MAX
                ),
            )
        })
    }

    fn metric(&mut self, least: u8) -> Result<Metric, Refused> {
        let place = self.place();
        let expr = self.expr(least)?;
        metric_of(expr, place)
    }

    fn binary_op(&self) -> Option<BinaryOp> {
        Some(match (self.peek(), self.text_at(0)) {
            (Kind::Sign(_), "+") => BinaryOp::Add,
            (Kind::Sign(_), "-") => BinaryOp::Sub,
            (Kind::Sign(_), "*") => BinaryOp::Mul,
            (Kind::Sign(_), "/") => BinaryOp::Div,
            (Kind::Sign(_), "%") => BinaryOp::Mod,
            (Kind::Sign(_), "^") => BinaryOp::Pow,
            (Kind::Sign(_), "==") => BinaryOp::Equal,
            (Kind::Sign(_), "!=") => BinaryOp::NotEqual,
            (Kind::Sign(_), ">") => BinaryOp::Greater,
            (Kind::Sign(_), ">=") => BinaryOp::GreaterEqual,
            (Kind::Sign(_), "<") => BinaryOp::Less,
            (Kind::Sign(_), "<=") => BinaryOp::LessEqual,
            (Kind::Word, "and") => BinaryOp::And,
            (Kind::Word, "or") => BinaryOp::Or,
            (Kind::Word, "unless") => BinaryOp::Unless,
            _ => return None,
        })
    }

    fn binary(&mut self, left: Metric, op: BinaryOp) -> Result<Metric, Refused> {
        let place = self.skip();
        let return_bool = self.take_word("bool");
        if return_bool && !op.is_comparison() {
            return refuse(
                place,
                format!(
                    "bool follows {}; expected it after a comparison",
                    op.as_str()
                ),
            );
        }
        let matching = self.matching(op)?;
        // Only `^` has its right side first.
        let least = if op == BinaryOp::Pow {
            op.precedence()
        } else {
            op.precedence() + 1
        };
        let right = self.metric(least)?;
        let scalar = left.is_scalar() || right.is_scalar();
        if scalar && op.is_set() {
            return refuse(
                place,
                format!(
                    "{} stands between a number and something else; expected two vectors",
                    op.as_str()
                ),
            );
        }
        if scalar && (matching.on || !matching.labels.is_empty()) {
            return refuse(
                place,
                "labels are matched with a number; expected two vectors",
            );
        }
        Ok(Metric::Binary(Box::new(Binary {
            op,
            left,
            right,
            return_bool,
            matching,
        })))
    }

    fn matching(&mut self, op: BinaryOp) -> Result<Matching, Refused> {
        let mut matching = Matching::default();
        if op.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        if self.at_word("on") || self.at_word("ignoring") {
            matching.on = self.at_word("on");
            self.skip();
            matching.labels = self.label_list()?;
        }
        let group = if self.at_word("group_left") {
            Cardinality::ManyToOne
        } else if self.at_word("group_right") {
            Cardinality::OneToMany
        } else {
            return Ok(matching);
        };
        let place = self.skip();
        if op.is_set() {
            return refuse(
                place,
                format!(
                    "{} takes no group_left or group_right; expected none",
                    op.as_str()
                ),
            );
        }
        matching.cardinality = group;
        // A parenthesis may also begin the right side, which never is a list of names alone.
        let is_list = self.at_sign("(")
            && (*self.peek_at(1) == Kind::Sign(")")
                || (*self.peek_at(1) == Kind::Word
                    && matches!(self.peek_at(2), Kind::Sign("," | ")"))));
        if is_list {
            matching.include = self.label_list()?;
        }
        if let Some(both) = matching
            .include
            .iter()
            .find(|label| matching.on && matching.labels.contains(label))
        {
            return refuse(
                place,
                format!("{both} is matched and included; expected it in one list"),
            );
        }
        Ok(matching)
    }

    fn primary(&mut self) -> Result<Expr, Refused> {
        match self.peek() {
            Kind::Sign("{") => self.log_query().map(Expr::Log),
            Kind::Sign("(") => self.paren(),
            Kind::Number(_) | Kind::Sign("+" | "-") => {
                let value = self.signed_number("a number")?;
                Ok(Expr::Metric(Metric::Number(Number(value))))
            }
            Kind::Word => self.call().map(Expr::Metric),
            _ => self.unexpected("a query such as {app=\"x\"} or rate({app=\"x\"}[5m])"),
        }
    }

    /// What is in parentheses; stages may follow lines.
    fn paren(&mut self) -> Result<Expr, Refused> {
        self.skip();
        let inner = self.expr(0)?;
        self.expect_sign(")", "an operator or )")?;
        Ok(match inner {
            Expr::Log(query) => Expr::Log(query),
            Expr::Metric(metric) => Expr::Metric(Metric::Paren(Box::new(metric))),
        })
    }

    pub(super) fn signed_number(&mut self, expected: &str) -> Result<f64, Refused> {
        let negative = self.take_sign("-");
        let _ = !negative && self.take_sign("+");
        match *self.peek() {
            Kind::Number(value) => {
                self.skip();
                Ok(if negative { -value } else { value })
            }
            _ => self.unexpected(expected),
        }
    }

    fn call(&mut self) -> Result<Metric, Refused> {
        let name = self.text_at(0);
        let opens = *self.peek_at(1) == Kind::Sign("(");
        if let (true, Some((_, op))) =
            (opens, RangeOp::ALL.iter().find(|(known, _)| *known == name))
        {
            let aggregate = self.range_aggregate(*op)?;
            return Ok(Metric::Range(Box::new(aggregate)));
        }
        if let Some((_, op)) = VectorOp::ALL.iter().find(|(known, _)| *known == name) {
            return self.aggregate(*op);
        }
        match name {
            "vector" if opens => {
                self.skip();
                self.skip();
                let value = self.signed_number("a number")?;
                self.expect_sign(")", ")")?;
                Ok(Metric::Vector(Number(value)))
            }
            "label_replace" if opens => self.label_replace(),
            _ if opens => refuse(
                self.place(),
                format!(
                    "there is no function {name}; expected such as rate, count_over_time or sum"
                ),
            ),
            _ => self.unexpected("a query such as {app=\"x\"} or rate({app=\"x\"}[5m])"),
        }
    }

    fn aggregate(&mut self, op: VectorOp) -> Result<Metric, Refused> {
        let start = self.skip();
        let mut grouping = self.grouping()?;
        self.expect_sign("(", "(, by or without")?;
        let parameter = if op.takes_parameter() {
            let place = self.place();
            let value = self.signed_number("how many, a number")?;
            self.expect_sign(",", ", and a vector")?;
            let fits = value >= 1.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0;
            if !fits {
                return refuse(
                    place,
                    format!(
                        "{} of {value}; expected a whole number from 1 on",
                        op.as_str()
                    ),
                );
            }
            Some(value as u32)
        } else {
            None
        };
        let of = self.metric(0)?;
        let place = Place::new(start.start, self.end_of_last());
        if of.is_scalar() {
            return refuse(
                place,
                format!("{} of a number; expected a vector", op.as_str()),
            );
        }
        self.expect_sign(")", "an operator or )")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        if grouping.is_some() && !op.takes_grouping() {
            return refuse(
                place,
                format!("{} takes no by or without; expected none", op.as_str()),
            );
        }
        Ok(Metric::Aggregate(Box::new(Aggregate {
            op,
            parameter,
            grouping,
            of,
        })))
    }

    fn label_replace(&mut self) -> Result<Metric, Refused> {
        self.skip();
        self.skip();
        let of_place = self.place();
        let of = self.metric(0)?;
        if of.is_scalar() {
            return refuse(of_place, "label_replace of a number; expected a vector");
        }
        let mut texts = Vec::new();
        for expected in [
            "the label to set",
            "what it becomes",
            "the label that is asked",
            "a pattern",
        ] {
            self.expect_sign(",", &format!(", and {expected} in quotes"))?;
            texts.push((self.place(), self.quoted(&format!("{expected} in quotes"))?));
        }
        self.expect_sign(")", ")")?;
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        let ((place, destination), (_, replacement), (_, source), (at_pattern, pattern)) =
            (next(), next(), next(), next());
        if !crate::labels::is_plain_name(&destination) {
            return refuse(
                place,
                format!("{destination} is no label; expected letters, digits and _"),
            );
        }
        Pattern::anchored(&pattern).or_else(|error| refuse(at_pattern, error.to_string()))?;
        Ok(Metric::LabelReplace(Box::new(LabelReplace {
            of,
            destination,
            replacement,
            source,
            pattern,
        })))
    }
}

fn metric_of(expr: Expr, place: Place) -> Result<Metric, Refused> {
    match expr {
        Expr::Metric(metric) => Ok(metric),
        Expr::Log(_) => refuse(
            place,
            "lines stand where values are expected; expected such as count_over_time({app=\"x\"}[5m])",
        ),
    }
}
