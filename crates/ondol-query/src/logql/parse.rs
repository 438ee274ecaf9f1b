//! Words to an expression.

mod filter;
mod metric;
mod range;
mod stage;

use std::fmt;

use super::ast::{Expr, LogQuery, Stage};
use super::lex::{Kind, Token, words};
use crate::quote::{Quoted, unquote};
use crate::{LineColumn, MatchOp, Matcher, Place};

/// Expressions that are nested deeper were not written by anybody, and would exhaust the stack.
const DEPTH_MAX: u32 = 200;
/// Longer texts are no queries.
const TEXT_BYTES_MAX: usize = 128 << 10;

/// A text that is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where it is wrong.
    pub place: Place,
    /// The same for people.
    pub at: LineColumn,
    /// What is wrong, and what was expected.
    pub reason: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = (self.at.line, self.at.column);
        write!(
            f,
            "parse error at line {line}, col {column}: {}",
            self.reason
        )
    }
}

impl std::error::Error for ParseError {}

/// What is wrong, and where.
type Refused = (Place, String);

fn refuse<T>(place: Place, reason: impl Into<String>) -> Result<T, Refused> {
    Err((place, reason.into()))
}

/// The expression that a text is.
///
/// # Errors
///
/// When it is none, or when it could not be evaluated whatever the lines are.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    read(text, |parser| {
        if parser.peek() == &Kind::End {
            return refuse(
                parser.place(),
                "the query is empty; expected such as {app=\"x\"}",
            );
        }
        let expr = parser.expr(0)?;
        parser.end()?;
        Ok(expr)
    })
}

/// The conditions of a text that is a stream selector, such as `{app="x"}`, and nothing more.
///
/// # Errors
///
/// When it is no selector. One without conditions is one here.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    read(text, |parser| {
        let matchers = parser.matchers()?;
        parser.end()?;
        Ok(matchers)
    })
}

fn read<T>(
    text: &str,
    read: impl FnOnce(&mut Parser<'_>) -> Result<T, Refused>,
) -> Result<T, ParseError> {
    let too_long = text.len() > TEXT_BYTES_MAX;
    let mut parser = Parser {
        text,
        words: if too_long { words("") } else { words(text) },
        at: 0,
        depth: 0,
    };
    let result = if too_long {
        refuse(
            Place::default(),
            format!("the query is longer than {TEXT_BYTES_MAX} bytes; expected a shorter one"),
        )
    } else {
        read(&mut parser)
    };
    result.map_err(|(place, reason)| ParseError {
        place,
        at: place.in_text(text),
        reason,
    })
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Token>,
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &Kind {
        &self.words[self.at].kind
    }

    fn peek_at(&self, ahead: usize) -> &Kind {
        &self.words[(self.at + ahead).min(self.words.len() - 1)].kind
    }

    fn place(&self) -> Place {
        self.words[self.at].place
    }

    fn end_of_last(&self) -> usize {
        self.at
            .checked_sub(1)
            .map_or(0, |at| self.words[at].place.end)
    }

    fn text_at(&self, ahead: usize) -> &'a str {
        let place = self.words[(self.at + ahead).min(self.words.len() - 1)].place;
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

    fn at_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Kind::Sign(found) if *found == sign)
    }

    fn at_word(&self, word: &str) -> bool {
        *self.peek() == Kind::Word && self.text_at(0) == word
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let there = self.at_sign(sign);
        if there {
            self.skip();
        }
        there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.skip();
        }
        there
    }

    fn expect_sign(&mut self, sign: &str, expected: &str) -> Result<(), Refused> {
        if self.take_sign(sign) {
            return Ok(());
        }
        self.unexpected(expected)
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, Refused> {
        let found = match self.peek() {
            Kind::End => "the query ends here".to_owned(),
            Kind::Wrong(reason) => return refuse(self.place(), reason.as_str()),
            _ => {
                let text: String = self.text_at(0).chars().take(40).collect();
                format!("unexpected {text}")
            }
        };
        refuse(self.place(), format!("{found}; expected {expected}"))
    }

    fn end(&self) -> Result<(), Refused> {
        match self.peek() {
            Kind::End => Ok(()),
            _ => self.unexpected("an operator, another stage after |, or the end"),
        }
    }

    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return refuse(
                self.place(),
                format!("the query is nested more than {DEPTH_MAX} levels deep; expected less"),
            );
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn word(&mut self, expected: &str) -> Result<&'a str, Refused> {
        if *self.peek() != Kind::Word {
            return self.unexpected(expected);
        }
        let text = self.text_at(0);
        self.skip();
        Ok(text)
    }

    /// The name of a label: no colon in it.
    fn label(&mut self) -> Result<String, Refused> {
        let place = self.place();
        let name = self.word("a label")?;
        if name.contains(':') {
            return refuse(
                place,
                format!("{name} is no label; expected letters, digits and _"),
            );
        }
        Ok(name.to_owned())
    }

    fn quoted(&mut self, expected: &str) -> Result<String, Refused> {
        if *self.peek() != Kind::Text {
            return self.unexpected(expected);
        }
        let (quoted, place) = (self.text_at(0), self.skip());
        match unquote(quoted).map(String::from_utf8) {
            Some(Ok(text)) => Ok(text),
            _ => refuse(
                place,
                format!(
                    "{quoted} has an escape that means nothing; expected one of Go's, or the text in `backticks`"
                ),
            ),
        }
    }

    /// The conditions in braces, with commas between them, perhaps one after the last.
    fn matchers(&mut self) -> Result<Vec<Matcher>, Refused> {
        self.expect_sign("{", "a stream selector such as {app=\"x\"}")?;
        let mut matchers = Vec::new();
        while !self.take_sign("}") {
            matchers.push(self.matcher()?);
            if !self.take_sign(",") && !self.at_sign("}") {
                return self.unexpected(", or }");
            }
        }
        Ok(matchers)
    }

    fn matcher(&mut self) -> Result<Matcher, Refused> {
        let label = self.label()?;
        let Some(op) = self.match_op() else {
            return self.unexpected("=, !=, =~ or !~");
        };
        self.skip();
        self.matcher_of(&label, op)
    }

    fn match_op(&self) -> Option<MatchOp> {
        match self.peek() {
            Kind::Sign("=") => Some(MatchOp::Equal),
            Kind::Sign("!=") => Some(MatchOp::NotEqual),
            Kind::Sign("=~") => Some(MatchOp::Matches),
            Kind::Sign("!~") => Some(MatchOp::NotMatches),
            _ => None,
        }
    }

    fn matcher_of(&mut self, label: &str, op: MatchOp) -> Result<Matcher, Refused> {
        let place = self.place();
        let value = self.quoted("a value in quotes")?;
        Matcher::new(label, op, &value).or_else(|error| refuse(place, error.to_string()))
    }

    /// `{app="x"}`
    fn selector(&mut self) -> Result<LogQuery, Refused> {
        let start = self.place().start;
        let matchers = self.matchers()?;
        check_selector(&matchers, Place::new(start, self.end_of_last()))?;
        Ok(LogQuery {
            matchers,
            stages: Vec::new(),
        })
    }

    /// `{app="x"} |= "y" | json`
    fn log_query(&mut self) -> Result<LogQuery, Refused> {
        let mut query = self.selector()?;
        while self.at_stage() {
            self.stage(&mut query.stages)?;
        }
        Ok(query)
    }

    fn add_stage(
        &self,
        stages: &mut Vec<Stage>,
        stage: Stage,
        place: Place,
    ) -> Result<(), Refused> {
        const STAGES_MAX: usize = 100;
        if stages.len() >= STAGES_MAX {
            return refuse(
                place,
                format!("more than {STAGES_MAX} stages; expected fewer"),
            );
        }
        stages.push(stage);
        Ok(())
    }
}

/// A query without a condition that must hold would read every stream there is.
fn check_selector(matchers: &[Matcher], place: Place) -> Result<(), Refused> {
    if matchers.iter().any(|matcher| !matcher.matches_empty()) {
        return Ok(());
    }
    let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    refuse(
        place,
        format!(
            "{{{}}} also matches streams without any of its labels; expected at least one label that must have a value, such as {}",
            shown.join(", "),
            matchers.first().map_or_else(
                || "app=\"x\"".to_owned(),
                |matcher| format!("{}=~{}", matcher.name(), Quoted(".+"))
            )
        ),
    )
}

#[cfg(test)]
mod tests;
