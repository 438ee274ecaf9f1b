//! Conditions on labels: `status >= 400 and (method="GET" or took > 1s)`.

use super::{Parser, Refused, refuse};
use crate::logql::ast::{Compared, Comparison, LabelFilter, Test};
use crate::logql::ip::IpRange;
use crate::logql::lex::Kind;

impl Parser<'_> {
    /// Whether the next words compare a label.
    pub(super) fn at_comparison(&self) -> bool {
        let compares = |sign: &str| {
            Test::ALL.iter().any(|(test, _)| *test == sign) || sign == "=~" || sign == "!~"
        };
        *self.peek() == Kind::Word && matches!(self.peek_at(1), Kind::Sign(sign) if compares(sign))
    }

    /// Conditions from left to right; `and`, a comma and nothing between two mean the same.
    pub(super) fn label_filter(&mut self) -> Result<LabelFilter, Refused> {
        let mut left = self.label_predicate()?;
        for _ in 0..super::DEPTH_MAX {
            if self.take_word("or") {
                let right = self.label_predicate()?;
                left = LabelFilter::Or(Box::new([left, right]));
                continue;
            }
            let joined = self.take_word("and") || self.take_sign(",");
            if !joined && !self.at_comparison() && !self.at_sign("(") {
                return Ok(left);
            }
            let right = self.label_predicate()?;
            left = LabelFilter::And(Box::new([left, right]));
        }
        refuse(
            self.place(),
            format!(
                "more than {} conditions in a row; expected fewer",
                super::DEPTH_MAX
            ),
        )
    }

    fn label_predicate(&mut self) -> Result<LabelFilter, Refused> {
        if self.take_sign("(") {
            let inner = self.deeper(Self::label_filter)?;
            self.expect_sign(")", "and, or, or )")?;
            return Ok(inner);
        }
        let label = self.label()?;
        let (op, test) = (self.match_op(), self.test());
        if op.is_none() && test.is_none() {
            return self.unexpected("a comparison such as =, !=, =~, !~, >, >=, < or <=");
        }
        self.skip();
        match (self.peek(), op, test) {
            (Kind::Text, Some(op), _) => Ok(LabelFilter::Text(self.matcher_of(&label, op)?)),
            (Kind::Text, None, _) => {
                self.unexpected("a number, a duration or a size after this comparison")
            }
            (Kind::Word, _, Some(test @ (Test::Equal | Test::NotEqual))) if self.at_ip() => {
                Ok(LabelFilter::Ip {
                    label,
                    negated: test == Test::NotEqual,
                    range: self.ip()?,
                })
            }
            (_, _, Some(test)) => {
                let with = self.compared()?;
                Ok(LabelFilter::Value(Comparison { label, test, with }))
            }
            _ => self.unexpected("a pattern in quotes"),
        }
    }

    fn test(&self) -> Option<Test> {
        let Kind::Sign(sign) = self.peek() else {
            return None;
        };
        let found = Test::ALL.iter().find(|(test, _)| test == sign);
        found.map(|(_, test)| *test)
    }

    fn compared(&mut self) -> Result<Compared, Refused> {
        let negative = self.take_sign("-");
        let _ = !negative && self.take_sign("+");
        let with = match *self.peek() {
            Kind::Number(value) => Compared::Number(if negative { -value } else { value }),
            Kind::Duration(ns) => Compared::Duration(if negative { -ns } else { ns }),
            Kind::Bytes(bytes) if !negative => Compared::Bytes(bytes),
            _ => {
                return self.unexpected(
                    "a number, a duration such as 1m, a size such as 20KB, or a text in quotes",
                );
            }
        };
        self.skip();
        Ok(with)
    }

    /// Whether the next words are `ip(`.
    pub(super) fn at_ip(&self) -> bool {
        self.at_word("ip") && *self.peek_at(1) == Kind::Sign("(")
    }

    pub(super) fn ip(&mut self) -> Result<IpRange, Refused> {
        self.skip();
        self.expect_sign("(", "(")?;
        let place = self.place();
        let text = self.quoted("an address in quotes")?;
        self.expect_sign(")", ")")?;
        IpRange::parse(&text).or_else(|reason| refuse(place, reason))
    }
}
