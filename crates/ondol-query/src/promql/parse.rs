//! Words to an expression.

mod aggregate;
mod binary;
mod call;
mod duration;
mod postfix;
mod selector;

use std::fmt;

use super::ast::{Expr, NumberLiteral, Paren, StringLiteral, Unary};
use super::features::Features;
use super::operator::{BinaryOp, POWER};
use super::token::{Kind, Token, describe};
use super::{check, lex};
use crate::place::{LineColumn, Place};
use crate::{Labels, LabelsBuilder, MatchOp, Matcher};

/// Expressions that are nested deeper were not written by anybody, and would exhaust the stack.
const DEPTH_MAX: u32 = 200;

/// A text that is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where it is wrong.
    pub place: Place,
    /// The same for people.
    pub at: LineColumn,
    /// What is wrong, in Prometheus' words.
    pub reason: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: parse error: {}", self.at, self.reason)
    }
}

impl std::error::Error for ParseError {}

/// What is wrong, and where.
pub(crate) type Refused = (Place, String);

pub(crate) fn refuse<T>(place: Place, reason: impl Into<String>) -> Result<T, Refused> {
    Err((place, reason.into()))
}

fn located(text: &str, (place, reason): Refused) -> ParseError {
    ParseError {
        place,
        at: place.in_text(text),
        reason,
    }
}

/// The expression that a text is.
///
/// # Errors
///
/// When it is none, when its types do not fit, or when it needs a feature that is off.
pub fn parse(text: &str, features: Features) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, features);
    let read = |parser: &mut Parser<'_>| {
        if parser.peek().kind == Kind::End {
            return refuse(parser.place(), "no expression found in input");
        }
        let expr = parser.expr(0)?;
        parser.end()?;
        check::check(&expr)?;
        Ok(expr)
    };
    read(&mut parser).map_err(|refused| located(text, refused))
}

/// The conditions of a text that is a selector, such as `up{job="api"}`, and nothing more.
///
/// # Errors
///
/// When it is no selector.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, Features::STABLE);
    let read = |parser: &mut Parser<'_>| {
        let selector = parser.vector_selector()?;
        parser.end()?;
        check::selector(&selector, false)?;
        Ok(selector.matchers)
    };
    read(&mut parser).map_err(|refused| located(text, refused))
}

/// The labels of a described series, and where they end in the text.
pub(crate) fn described_labels(text: &str) -> Result<(Labels, usize), String> {
    // A histogram, which may follow, begins with two braces; a selector never has them outside of a text.
    let described = [" {{", "\t{{"]
        .iter()
        .filter_map(|braces| text.find(braces))
        .min();
    let mut parser = Parser::new(&text[..described.unwrap_or(text.len())], Features::STABLE);
    let selector = parser
        .vector_selector()
        .map_err(|refused| located(text, refused).to_string())?;
    let mut builder = LabelsBuilder::default();
    for matcher in &selector.matchers {
        if matcher.op() != MatchOp::Equal {
            return Err(format!(
                "a series is described by labels that are equal, not by {matcher}"
            ));
        }
        builder.set(matcher.name(), matcher.value());
    }
    Ok((builder.build(), parser.end_of_last()))
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Token>,
    at: usize,
    depth: u32,
    features: Features,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, features: Features) -> Self {
        Self {
            text,
            words: lex::words(text),
            at: 0,
            depth: 0,
            features,
        }
    }

    fn peek(&self) -> &Token {
        &self.words[self.at]
    }

    /// The word after the next one.
    fn peek_second(&self) -> &Kind {
        &self.words[(self.at + 1).min(self.words.len() - 1)].kind
    }

    fn place(&self) -> Place {
        let token = self.peek();
        Place::new(token.start, token.end)
    }

    /// Where the word before ends.
    fn end_of_last(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.words[at].end)
    }

    fn text_of(&self, place: Place) -> &'a str {
        &self.text[place.start..place.end]
    }

    /// Goes on; the last word stays.
    fn skip(&mut self) -> Place {
        let place = self.place();
        if self.at + 1 < self.words.len() {
            self.at += 1;
        }
        place
    }

    fn take(&mut self, kind: &Kind) -> Option<Place> {
        (self.peek().kind == *kind).then(|| self.skip())
    }

    fn expect(&mut self, kind: &Kind, context: &str, expected: &str) -> Result<Place, Refused> {
        match self.take(kind) {
            Some(place) => Ok(place),
            None => self.unexpected(context, expected),
        }
    }

    fn unexpected<T>(&self, context: &str, expected: &str) -> Result<T, Refused> {
        let place = self.place();
        let token = self.peek();
        if let Kind::Wrong(reason) = &token.kind {
            return refuse(place, reason.as_str());
        }
        let mut reason = format!("unexpected {}", describe(&token.kind, self.text_of(place)));
        if !context.is_empty() {
            reason.push_str(" in ");
            reason.push_str(context);
        }
        if !expected.is_empty() {
            reason.push_str(", expected ");
            reason.push_str(expected);
        }
        refuse(place, reason)
    }

    fn end(&self) -> Result<(), Refused> {
        match self.peek().kind {
            Kind::End => Ok(()),
            _ => self.unexpected("", ""),
        }
    }

    fn deeper(&mut self) -> Result<(), Refused> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return refuse(
                self.place(),
                format!("expression is nested more than {DEPTH_MAX} levels deep"),
            );
        }
        Ok(())
    }

    /// An expression of operators that bind at least so tightly.
    fn expr(&mut self, least: u8) -> Result<Expr, Refused> {
        let depth = self.depth;
        self.deeper()?;
        let mut left = self.signed()?;
        while let Kind::Op(op) = self.peek().kind {
            let precedence = op.precedence();
            if precedence < least {
                break;
            }
            // A chain is as deep as it is long.
            self.deeper()?;
            left = self.binary(left, op)?;
        }
        self.depth = depth;
        Ok(left)
    }

    /// `-a ^ b` is `-(a ^ b)`; all other operators bind less tightly than a sign.
    fn signed(&mut self) -> Result<Expr, Refused> {
        let negative = match self.peek().kind {
            Kind::Op(BinaryOp::Sub) => true,
            Kind::Op(BinaryOp::Add) => false,
            _ => return self.with_postfixes(),
        };
        let start = self.skip().start;
        let expr = self.expr(POWER)?;
        Ok(match expr {
            Expr::Number(literal) => Expr::Number(NumberLiteral {
                value: if negative {
                    -literal.value
                } else {
                    literal.value
                },
                place: Place::new(start, literal.place.end),
                ..literal
            }),
            expr => Expr::Unary(Box::new(Unary {
                negative,
                expr,
                start,
            })),
        })
    }

    fn primary(&mut self) -> Result<Expr, Refused> {
        match self.peek().kind {
            Kind::Number | Kind::Duration => Ok(Expr::Number(self.number()?)),
            Kind::String => {
                let place = self.place();
                let value = self.string()?;
                Ok(Expr::String(StringLiteral { value, place }))
            }
            Kind::LeftParen => self.paren(),
            Kind::Aggregation(op) if self.aggregates() => self.aggregate(op),
            Kind::Identifier if *self.peek_second() == Kind::LeftParen => self.call(),
            Kind::Word(word) if word.is_function() && *self.peek_second() == Kind::LeftParen => {
                self.call()
            }
            _ => Ok(Expr::Vector(Box::new(self.vector_selector()?))),
        }
    }

    fn paren(&mut self) -> Result<Expr, Refused> {
        let start = self.skip();
        let expr = self.expr(0)?;
        let end = self.expect(&Kind::RightParen, "", "")?;
        Ok(Expr::Paren(Box::new(Paren {
            expr,
            place: start.to(end),
        })))
    }

    /// A number, or a duration, which counts in seconds.
    fn number(&mut self) -> Result<NumberLiteral, Refused> {
        let is_duration = self.peek().kind == Kind::Duration;
        let place = self.skip();
        let text = self.text_of(place);
        let value = if is_duration {
            match crate::parse_duration(text) {
                #[expect(clippy::cast_precision_loss, reason = "at most 292 years")]
                Ok(ms) => ms as f64 / 1000.0,
                Err(reason) => return refuse(place, reason),
            }
        } else {
            match crate::number::parse(text) {
                Some(value) => value,
                None => {
                    let shown = crate::quote::Quoted(text);
                    return refuse(
                        place,
                        format!("error parsing number: invalid syntax {shown}"),
                    );
                }
            }
        };
        Ok(NumberLiteral {
            value,
            is_duration,
            place,
        })
    }

    fn string(&mut self) -> Result<Vec<u8>, Refused> {
        let place = self.skip();
        let Some(value) = crate::quote::unquote(self.text_of(place)) else {
            let shown = crate::quote::Quoted(self.text_of(place));
            return refuse(
                place,
                format!("error unquoting string {shown}: invalid syntax"),
            );
        };
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
