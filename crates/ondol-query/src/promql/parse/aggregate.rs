//! `sum by (job) (up)`

use super::super::ast::{Aggregate, Expr};
use super::super::operator::Aggregation;
use super::super::token::{Kind, Word};
use super::{Parser, Refused, refuse};
use crate::labels::is_plain_name;

impl Parser<'_> {
    /// Whether the name of an aggregation is meant as one, and not as the name of a metric.
    pub(super) fn aggregates(&self) -> bool {
        matches!(
            self.peek_second(),
            Kind::LeftParen | Kind::Word(Word::By | Word::Without)
        )
    }

    pub(super) fn aggregate(&mut self, op: Aggregation) -> Result<Expr, Refused> {
        let start = self.skip();
        let mut grouping = self.grouping()?;
        if self.peek().kind != Kind::LeftParen {
            return self.unexpected("aggregation", "");
        }
        let mut args = self.args()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let place = super::Place::new(start.start, self.end_of_last());
        if op.is_experimental() && !self.features.experimental_functions {
            return refuse(
                place,
                format!(
                    "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                    op.as_str()
                ),
            );
        }
        let wanted = if op.takes_parameter() { 2 } else { 1 };
        if args.is_empty() {
            return refuse(place, "no arguments for aggregate expression provided");
        }
        if args.len() != wanted {
            return refuse(
                place,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                    args.len()
                ),
            );
        }
        let expr = args.pop();
        let (grouping, without) = grouping.unwrap_or_default();
        let Some(expr) = expr else {
            return refuse(place, "no arguments for aggregate expression provided");
        };
        Ok(Expr::Aggregate(Box::new(Aggregate {
            op,
            grouping,
            without,
            parameter: args.pop(),
            expr,
            place,
        })))
    }

    fn grouping(&mut self) -> Result<Option<(Vec<String>, bool)>, Refused> {
        let without = match self.peek().kind {
            Kind::Word(Word::By) => false,
            Kind::Word(Word::Without) => true,
            _ => return Ok(None),
        };
        self.skip();
        Ok(Some((self.label_list()?, without)))
    }

    /// Labels in parentheses, with commas between them, perhaps one after the last.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, Refused> {
        const CONTEXT: &str = "grouping opts";
        self.expect(&Kind::LeftParen, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        while self.take(&Kind::RightParen).is_none() {
            labels.push(self.label()?);
            if self.take(&Kind::Comma).is_none() && self.peek().kind != Kind::RightParen {
                return self.unexpected(CONTEXT, "\",\" or \")\"");
            }
        }
        Ok(labels)
    }

    /// Any word may be a label; what is no word must be in quotes.
    fn label(&mut self) -> Result<String, Refused> {
        let place = self.place();
        if self.peek().kind == Kind::String {
            return match self.utf8()? {
                empty if empty.is_empty() => refuse(place, "invalid label name for grouping: \"\""),
                label => Ok(label),
            };
        }
        let text = self.text_of(place);
        if is_plain_name(text) {
            self.skip();
            return Ok(text.to_owned());
        }
        self.unexpected("grouping opts", "label")
    }
}
