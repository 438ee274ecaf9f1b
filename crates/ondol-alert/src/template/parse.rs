//! Tokens to blocks.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::call;
use super::lex::{Piece, Token, pieces, wrong};
use super::value::Value;
use crate::template::TemplateError;

/// Blocks in blocks and parentheses in parentheses.
const DEPTH_MAX: usize = 32;

pub(super) type Block = Vec<Step>;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Text(String),
    Print(Pipeline),
    If(Vec<(Pipeline, Block)>, Block),
    With(Pipeline, Block, Block),
    Range(Pipeline, Block, Block),
    Break,
    Continue,
}

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    /// Variables that it sets; two of `range` are the place and the value.
    pub(super) sets: Vec<String>,
    /// They are new, not set again.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A function; its arguments are the operands behind it.
    Function(&'static str),
    Constant(Value),
    Of(Root, Vec<String>),
}

#[derive(Clone, Debug)]
pub(super) enum Root {
    Dot,
    Variable(String),
    Parens(Box<Pipeline>),
}

pub(super) fn literal(text: &str) -> Block {
    vec![Step::Text(text.to_owned())]
}

pub(super) fn parse(text: &str) -> Result<Block, TemplateError> {
    let mut parser = Parser {
        pieces: pieces(text)?.into_iter().peekable(),
        variables: ["", "labels", "value", "externalLabels", "externalURL"]
            .map(str::to_owned)
            .to_vec(),
        depth: 0,
        loops: 0,
    };
    let (block, end) = parser.block()?;
    match end {
        Some((end, _, at)) => Err(wrong(
            at,
            &format!("there is no block that `{end}` belongs to"),
        )),
        None => Ok(block),
    }
}

type Tokens = Peekable<IntoIter<(Token, usize)>>;

/// `end` or `else`, what stands behind it, and its place.
type End = (String, Tokens, usize);

struct Parser<'a> {
    pieces: Peekable<IntoIter<Piece<'a>>>,
    /// Those that can be named here.
    variables: Vec<String>,
    depth: usize,
    loops: usize,
}

impl Parser<'_> {
    /// Steps up to the `end` or `else` that closes them, or to the end of the text.
    fn block(&mut self) -> Result<(Block, Option<End>), TemplateError> {
        let mut steps = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (tokens, at) = match piece {
                Piece::Text("") => continue,
                Piece::Text(text) => {
                    steps.push(Step::Text(text.to_owned()));
                    continue;
                }
                Piece::Action(tokens, at) => (tokens, at),
            };
            let mut tokens = tokens.into_iter().peekable();
            let keyword = match tokens.peek() {
                Some((Token::Word(word), _)) => word.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" | "else" => {
                    tokens.next();
                    return Ok((steps, Some((keyword, tokens, at))));
                }
                "if" | "with" | "range" => {
                    tokens.next();
                    steps.push(self.compound(&keyword, tokens, at)?);
                }
                "break" | "continue" if self.loops == 0 => {
                    return Err(wrong(at, &format!("`{keyword}` stands in no `range`")));
                }
                "break" => steps.push(Step::Break),
                "continue" => steps.push(Step::Continue),
                "define" | "template" | "block" => {
                    let message =
                        format!("`{keyword}` is not supported: a rule's template stands alone");
                    return Err(wrong(at, &message));
                }
                _ => steps.push(Step::Print(self.whole_pipeline(tokens, at)?)),
            }
        }
        Ok((steps, None))
    }

    fn compound(
        &mut self,
        keyword: &str,
        tokens: Tokens,
        at: usize,
    ) -> Result<Step, TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(
                at,
                &format!("blocks are nested more than {DEPTH_MAX} deep"),
            ));
        }
        let known = self.variables.len();
        let is_loop = keyword == "range";
        let pipeline = self.whole_pipeline(tokens, at)?;
        self.loops += usize::from(is_loop);
        let (body, end) = self.block()?;
        self.loops -= usize::from(is_loop);
        let unclosed = || wrong(at, &format!("this `{keyword}` has no `end`"));
        let (mut word, mut tokens, mut place) = end.ok_or_else(unclosed)?;
        let mut branches = vec![(pipeline, body)];
        let mut otherwise = Vec::new();
        while word == "else" {
            let next_if = matches!(tokens.peek(), Some((Token::Word(word), _)) if word == "if");
            let pipeline = if next_if && keyword == "if" {
                tokens.next();
                Some(self.whole_pipeline(tokens, place)?)
            } else if tokens.peek().is_some() {
                return Err(wrong(
                    place,
                    "`else` stands alone, or is `else if` of an `if`",
                ));
            } else {
                None
            };
            let (body, end) = self.block()?;
            let is_last = pipeline.is_none();
            match pipeline {
                Some(pipeline) => branches.push((pipeline, body)),
                None => otherwise = body,
            }
            (word, tokens, place) = end.ok_or_else(unclosed)?;
            if is_last && word == "else" {
                return Err(wrong(place, "there is nothing after `else` but `end`"));
            }
        }
        if tokens.peek().is_some() {
            return Err(wrong(place, "`end` stands alone"));
        }
        self.depth -= 1;
        self.variables.truncate(known);
        let Some((pipeline, body)) = (keyword != "if").then(|| branches.pop()).flatten() else {
            return Ok(Step::If(branches, otherwise));
        };
        Ok(match is_loop {
            true => Step::Range(pipeline, body, otherwise),
            false => Step::With(pipeline, body, otherwise),
        })
    }

    fn whole_pipeline(&mut self, mut tokens: Tokens, at: usize) -> Result<Pipeline, TemplateError> {
        let pipeline = self.pipeline(&mut tokens, at)?;
        match tokens.next() {
            Some((_, at)) => Err(wrong(at, "this closes nothing")),
            None => Ok(pipeline),
        }
    }

    fn pipeline(&mut self, tokens: &mut Tokens, at: usize) -> Result<Pipeline, TemplateError> {
        let (sets, declares) = self.declaration(tokens)?;
        let mut commands = vec![self.command(tokens, at, 0)?];
        while let Some((_, at)) = tokens.next_if(|(token, _)| *token == Token::Pipe) {
            let command = self.command(tokens, at, 1)?;
            if !matches!(command.first(), Some(Operand::Function(_))) {
                return Err(wrong(at, "behind `|` stands a function"));
            }
            commands.push(command);
        }
        if declares {
            self.variables.extend(sets.iter().cloned());
        }
        Ok(Pipeline {
            sets,
            declares,
            commands,
        })
    }

    /// `$a :=`, `$a, $b :=` or `$a =`, if that is there.
    fn declaration(&self, tokens: &mut Tokens) -> Result<(Vec<String>, bool), TemplateError> {
        let ahead: Vec<Token> = tokens.clone().take(4).map(|(token, _)| token).collect();
        let (names, sign) = match &ahead[..] {
            [
                Token::Variable(a),
                sign @ (Token::Declare | Token::Assign),
                ..,
            ] => (vec![a.clone()], sign),
            [
                Token::Variable(a),
                Token::Comma,
                Token::Variable(b),
                sign @ Token::Declare,
            ] => (vec![a.clone(), b.clone()], sign),
            _ => return Ok((Vec::new(), false)),
        };
        let declares = *sign == Token::Declare;
        let at = tokens.peek().map_or(0, |(_, at)| *at);
        for name in names.iter().filter(|_| !declares) {
            self.known(name, at)?;
        }
        // One is a name and a sign, two have a comma between them.
        tokens.nth(names.len() * 2 - 1);
        Ok((names, declares))
    }

    fn known(&self, name: &str, at: usize) -> Result<(), TemplateError> {
        match self.variables.iter().any(|known| known == name) {
            true => Ok(()),
            false => Err(wrong(at, &format!("there is no variable `${name}`"))),
        }
    }

    /// A value, or a function with its arguments; `piped` more come from the command before it.
    fn command(
        &mut self,
        tokens: &mut Tokens,
        at: usize,
        piped: usize,
    ) -> Result<Vec<Operand>, TemplateError> {
        let mut operands: Vec<Operand> = Vec::new();
        while let Some((token, at)) =
            tokens.next_if(|(token, _)| !matches!(token, Token::Pipe | Token::Close))
        {
            let operand = match token {
                Token::Field(name, true) if !operands.is_empty() => {
                    match operands.last_mut() {
                        Some(Operand::Of(_, fields)) => fields.push(name),
                        _ => {
                            return Err(wrong(
                                at,
                                &format!("there is nothing that could have `.{name}`"),
                            ));
                        }
                    }
                    continue;
                }
                Token::Field(name, _) => Operand::Of(Root::Dot, vec![name]),
                Token::Dot => Operand::Of(Root::Dot, Vec::new()),
                Token::Variable(name) => {
                    self.known(&name, at)?;
                    Operand::Of(Root::Variable(name), Vec::new())
                }
                Token::Text(text) => Operand::Constant(Value::Text(text)),
                Token::Whole(number) => Operand::Constant(Value::Whole(number)),
                Token::Number(number) => Operand::Constant(Value::Number(number)),
                Token::Open => {
                    Operand::Of(Root::Parens(Box::new(self.parens(tokens, at)?)), Vec::new())
                }
                Token::Word(word) => match word.as_str() {
                    "true" | "false" => Operand::Constant(Value::Bool(word == "true")),
                    "nil" => Operand::Constant(Value::Nil),
                    _ => Operand::Function(call::named(&word).map_err(|why| wrong(at, &why))?),
                },
                Token::Pipe | Token::Close | Token::Comma | Token::Declare | Token::Assign => {
                    return Err(wrong(at, "this cannot stand here"));
                }
            };
            operands.push(operand);
        }
        match operands.first() {
            None => Err(wrong(
                at,
                "something is missing here: a value or a function",
            )),
            Some(Operand::Function(name)) => {
                call::check(name, operands.len() - 1 + piped).map_err(|why| wrong(at, &why))?;
                Ok(operands)
            }
            Some(_) if operands.len() > 1 => Err(wrong(
                at,
                "a value takes no arguments; a function stands first",
            )),
            Some(_) => Ok(operands),
        }
    }

    fn parens(&mut self, tokens: &mut Tokens, at: usize) -> Result<Pipeline, TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(
                at,
                &format!("parentheses are nested more than {DEPTH_MAX} deep"),
            ));
        }
        let pipeline = self.pipeline(tokens, at)?;
        self.depth -= 1;
        match tokens.next_if(|(token, _)| *token == Token::Close) {
            Some(_) => Ok(pipeline),
            None => Err(wrong(at, "this parenthesis is not closed")),
        }
    }
}
