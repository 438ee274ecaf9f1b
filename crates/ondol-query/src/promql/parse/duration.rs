//! `5m`, and calculations with durations.

use super::super::ast::{DurationExpr, NumberLiteral};
use super::super::operator::{Aggregation, BinaryOp, POWER};
use super::super::token::{Kind, Word};
use super::{Parser, Refused, refuse};
use crate::place::Place;

/// Longer ones do not fit Go's nanoseconds.
const SECONDS_MAX: f64 = 9_223_372_036.0;

impl Parser<'_> {
    /// In brackets, any calculation.
    pub(super) fn range_duration(&mut self, context: &str) -> Result<DurationExpr, Refused> {
        let starts = self.at_duration();
        if !starts {
            return self.unexpected(context, "");
        }
        let duration = self.duration(0)?;
        self.allowed(&duration)?;
        if let DurationExpr::Literal(literal) = &duration
            && (literal.value <= 0.0 || literal.value.is_nan())
        {
            return refuse(literal.place, "duration must be greater than 0");
        }
        Ok(duration)
    }

    /// After `offset`, one that needs no parentheses.
    pub(super) fn offset_duration(&mut self) -> Result<DurationExpr, Refused> {
        if !self.at_duration() {
            return self.unexpected("offset", "number, duration, step(), or range()");
        }
        let duration = self.duration(POWER + 1)?;
        self.allowed(&duration)?;
        Ok(duration)
    }

    fn at_duration(&self) -> bool {
        match self.peek().kind {
            Kind::Number | Kind::Duration | Kind::LeftParen => true,
            Kind::Op(op) => matches!(op, BinaryOp::Add | BinaryOp::Sub),
            Kind::Word(word) => word.is_function() && !matches!(word, Word::Start | Word::End),
            Kind::Aggregation(Aggregation::Min | Aggregation::Max) => {
                *self.peek_second() == Kind::LeftParen
            }
            _ => false,
        }
    }

    fn allowed(&self, duration: &DurationExpr) -> Result<(), Refused> {
        if let DurationExpr::Literal(literal) = duration {
            return fits(literal);
        }
        if !self.features.duration_expressions {
            return refuse(
                duration.place(),
                "experimental duration expression is not enabled",
            );
        }
        Ok(())
    }

    fn duration(&mut self, least: u8) -> Result<DurationExpr, Refused> {
        let depth = self.depth;
        self.deeper()?;
        let mut left = self.duration_term()?;
        while let Kind::Op(op) = self.peek().kind {
            let arithmetic = matches!(
                op,
                BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Div
                    | BinaryOp::Mod
                    | BinaryOp::Pow
            );
            if !arithmetic || op.precedence() < least {
                break;
            }
            self.deeper()?;
            self.skip();
            let next = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.duration(next)?;
            if let DurationExpr::Literal(literal) = &right
                && literal.value == 0.0
                && matches!(op, BinaryOp::Div | BinaryOp::Mod)
            {
                let what = if op == BinaryOp::Div {
                    "division"
                } else {
                    "modulo"
                };
                return refuse(literal.place, format!("{what} by zero"));
            }
            left = DurationExpr::Binary(op, Box::new([left, right]));
        }
        self.depth = depth;
        Ok(left)
    }

    fn duration_term(&mut self) -> Result<DurationExpr, Refused> {
        let start = self.place().start;
        let kind = self.peek().kind.clone();
        match kind {
            Kind::Number | Kind::Duration => {
                let literal = self.number()?;
                fits(&literal)?;
                Ok(DurationExpr::Literal(literal))
            }
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.skip();
                let inner = self.duration(POWER)?;
                Ok(sign(inner, op == BinaryOp::Sub, start))
            }
            Kind::LeftParen => {
                self.skip();
                let inner = self.duration(0)?;
                self.expect(&Kind::RightParen, "", "")?;
                Ok(DurationExpr::Paren(Box::new(inner)))
            }
            Kind::Word(word @ (Word::Step | Word::Range)) => {
                self.skip();
                self.expect(&Kind::LeftParen, "", "")?;
                let end = self.expect(&Kind::RightParen, "", "")?;
                let place = Place::new(start, end.end);
                Ok(if word == Word::Step {
                    DurationExpr::Step(place)
                } else {
                    DurationExpr::Range(place)
                })
            }
            Kind::Word(Word::MaxOf) | Kind::Aggregation(Aggregation::Max) => self.choice(true),
            Kind::Word(Word::MinOf) | Kind::Aggregation(Aggregation::Min) => self.choice(false),
            _ => self.unexpected("", ""),
        }
    }

    fn choice(&mut self, larger: bool) -> Result<DurationExpr, Refused> {
        let start = self.skip();
        self.expect(&Kind::LeftParen, "", "")?;
        let left = self.duration(0)?;
        self.expect(&Kind::Comma, "", "")?;
        let right = self.duration(0)?;
        let end = self.expect(&Kind::RightParen, "", "")?;
        Ok(DurationExpr::Choice(
            larger,
            Box::new([left, right]),
            start.to(end),
        ))
    }
}

fn sign(inner: DurationExpr, negative: bool, start: usize) -> DurationExpr {
    match inner {
        DurationExpr::Literal(literal) => DurationExpr::Literal(NumberLiteral {
            value: if negative {
                -literal.value
            } else {
                literal.value
            },
            place: Place::new(start, literal.place.end),
            ..literal
        }),
        inner if negative => DurationExpr::Negative(Box::new(inner), start),
        inner => inner,
    }
}

fn fits(literal: &NumberLiteral) -> Result<(), Refused> {
    if literal.value.abs() <= SECONDS_MAX {
        Ok(())
    } else {
        refuse(literal.place, "duration out of range")
    }
}
