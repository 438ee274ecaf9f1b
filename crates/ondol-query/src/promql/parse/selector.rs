//! `up{job="api"}`

use super::super::ast::{TimeShift, VectorSelector};
use super::super::operator::BinaryOp;
use super::super::token::{Kind, Word};
use super::{Parser, Refused, refuse};
use crate::place::Place;
use crate::quote::Quoted;
use crate::{METRIC_NAME, MatchOp, Matcher};

impl Parser<'_> {
    pub(super) fn vector_selector(&mut self) -> Result<VectorSelector, Refused> {
        let start = self.place();
        let mut name = String::new();
        if self.at_metric() {
            let place = self.skip();
            self.text_of(place).clone_into(&mut name);
        } else if self.peek().kind != Kind::LeftBrace {
            return self.unexpected("", "");
        }
        let mut matchers = Vec::new();
        if self.peek().kind == Kind::LeftBrace {
            self.matchers(&mut matchers)?;
        }
        let place = Place::new(start.start, self.end_of_last());
        if !name.is_empty() {
            let set = matchers
                .iter()
                .find(|matcher| matcher.name() == METRIC_NAME);
            if let Some(other) = set {
                let (name, other) = (Quoted(&name), Quoted(other.value()));
                return refuse(
                    place,
                    format!("metric name must not be set twice: {name} or {other}"),
                );
            }
            matchers.push(Matcher::equal(METRIC_NAME, &name));
        }
        Ok(VectorSelector {
            name,
            matchers,
            shift: TimeShift::default(),
            extension: None,
            place,
        })
    }

    /// Words with a meaning may be names of metrics, save where they could not be told apart.
    fn at_metric(&self) -> bool {
        match self.peek().kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregation(_) => true,
            Kind::Op(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2) => true,
            Kind::Word(word) => !matches!(
                word,
                Word::Bool | Word::On | Word::Ignoring | Word::GroupLeft | Word::GroupRight
            ),
            _ => false,
        }
    }

    /// The conditions in braces, with commas between them, perhaps one after the last.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Refused> {
        self.skip();
        while self.take(&Kind::RightBrace).is_none() {
            self.matcher(matchers)?;
            if self.take(&Kind::Comma).is_some() {
                continue;
            }
            if self.peek().kind != Kind::RightBrace {
                return self.unexpected("label matching", "\",\" or \"}\"");
            }
        }
        Ok(())
    }

    fn matcher(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Refused> {
        let place = self.place();
        let name = match self.peek().kind {
            Kind::Identifier => {
                self.skip();
                self.text_of(place).to_owned()
            }
            Kind::String => {
                let text = self.utf8()?;
                if matches!(self.peek().kind, Kind::Comma | Kind::RightBrace) {
                    return add_name(matchers, &text, place);
                }
                text
            }
            _ => return self.unexpected("label matching", "identifier or \"}\""),
        };
        let op = match self.peek().kind {
            Kind::Equal => MatchOp::Equal,
            Kind::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::Matches => MatchOp::Matches,
            Kind::NotMatches => MatchOp::NotMatches,
            _ => return self.unexpected("label matching", "label matching operator"),
        };
        self.skip();
        if self.peek().kind != Kind::String {
            return self.unexpected("label matching", "string");
        }
        let value = self.utf8()?;
        match Matcher::new(&name, op, &value) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => return refuse(place, error.to_string()),
        }
        Ok(())
    }

    pub(super) fn utf8(&mut self) -> Result<String, Refused> {
        let place = self.place();
        String::from_utf8(self.string()?).or_else(|_| refuse(place, "string is not valid UTF-8"))
    }
}

/// A text alone is the name of the metric.
fn add_name(matchers: &mut Vec<Matcher>, name: &str, place: Place) -> Result<(), Refused> {
    let set = matchers
        .iter()
        .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal);
    if let Some(other) = set {
        let (other, name) = (Quoted(other.value()), Quoted(name));
        return refuse(
            place,
            format!("metric name must not be set twice: {other} or {name}"),
        );
    }
    matchers.push(Matcher::equal(METRIC_NAME, name));
    Ok(())
}
