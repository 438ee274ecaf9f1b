//! `a * on (job) group_left (owner) b`

use super::super::ast::{Binary, Expr, Matching};
use super::super::operator::{BinaryOp, Cardinality};
use super::super::token::{Kind, Word};
use super::{Parser, Refused, refuse};

impl Parser<'_> {
    /// What follows the left side.
    pub(super) fn binary(&mut self, left: Expr, op: BinaryOp) -> Result<Expr, Refused> {
        self.skip();
        let return_bool = self.take(&Kind::Word(Word::Bool)).is_some();
        let mut matching = Matching::default();
        if op.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        self.matching(&mut matching)?;
        // Only `^` has its right side first.
        let least = if op == BinaryOp::Pow {
            op.precedence()
        } else {
            op.precedence() + 1
        };
        let right = self.expr(least)?;
        Ok(Expr::Binary(Box::new(Binary {
            op,
            left,
            right,
            return_bool,
            matching,
        })))
    }

    fn matching(&mut self, matching: &mut Matching) -> Result<(), Refused> {
        if let Kind::Word(word @ (Word::On | Word::Ignoring)) = self.peek().kind {
            self.skip();
            matching.on = word == Word::On;
            matching.labels = self.label_list()?;
            if let Kind::Word(word @ (Word::GroupLeft | Word::GroupRight)) = self.peek().kind {
                self.skip();
                matching.cardinality = if word == Word::GroupLeft {
                    Cardinality::ManyToOne
                } else {
                    Cardinality::OneToMany
                };
                // A parenthesis is always a list here, never the beginning of the right side.
                if self.peek().kind == Kind::LeftParen {
                    matching.include = self.label_list()?;
                }
            }
        }
        self.fill(matching)
    }

    fn fill(&mut self, matching: &mut Matching) -> Result<(), Refused> {
        while let Kind::Word(word @ (Word::Fill | Word::FillLeft | Word::FillRight)) =
            self.peek().kind
        {
            let place = self.skip();
            if !self.features.fill_modifiers {
                return refuse(
                    place,
                    "binop fill modifiers are experimental and not enabled",
                );
            }
            self.expect(&Kind::LeftParen, "", "")?;
            let value = self.signed_number()?;
            self.expect(&Kind::RightParen, "", "")?;
            if word != Word::FillRight {
                matching.fill.left = Some(value);
            }
            if word != Word::FillLeft {
                matching.fill.right = Some(value);
            }
        }
        Ok(())
    }

    /// A number with or without a sign.
    pub(super) fn signed_number(&mut self) -> Result<f64, Refused> {
        let negative = match self.peek().kind {
            Kind::Op(BinaryOp::Sub) => true,
            Kind::Op(BinaryOp::Add) => false,
            _ => {
                return match self.peek().kind {
                    Kind::Number | Kind::Duration => Ok(self.number()?.value),
                    _ => self.unexpected("", ""),
                };
            }
        };
        self.skip();
        if !matches!(self.peek().kind, Kind::Number | Kind::Duration) {
            return self.unexpected("", "");
        }
        let value = self.number()?.value;
        Ok(if negative { -value } else { value })
    }
}
