//! Words of actions to a tree.

use std::sync::Arc;

use super::call;
use super::lex::{Piece, Word, pieces};
use super::value::Value;
use crate::matcher::Pattern;

/// Blocks that are nested deeper were not written by anybody.
const DEPTH_MAX: u32 = 64;

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Print(Pipe),
    /// Conditions with what they guard, and what is left without any.
    If(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    Range(Box<Range>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Range {
    /// `$i, $x :=`: of the index, of the element.
    pub(super) names: [Option<String>; 2],
    pub(super) over: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, of which each gets what the one before gave.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The variable that gets the result.
    pub(super) sets: Option<Setting>,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    /// Whether it is new.
    pub(super) declares: bool,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) head: Term,
    pub(super) args: Vec<Term>,
}

#[derive(Debug)]
pub(super) enum Term {
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Value(Value),
    /// In parentheses, with the fields that follow.
    Pipe(Box<Pipe>, Vec<String>),
}

/// What ends a list of nodes.
#[derive(Debug, PartialEq)]
enum End {
    Text,
    Block,
    Else(Vec<Word>),
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser {
        pieces: pieces(text)?.into_iter(),
        loops: 0,
        depth: 0,
    };
    match parser.nodes()? {
        (nodes, End::Text) => Ok(nodes),
        (_, End::Block) => Err("{{end}} ends nothing".to_owned()),
        (_, End::Else(_)) => Err("{{else}} has no {{if}}".to_owned()),
    }
}

struct Parser<'a> {
    pieces: std::vec::IntoIter<Piece<'a>>,
    loops: u32,
    depth: u32,
}

impl Parser<'_> {
    fn nodes(&mut self) -> Result<(Vec<Node>, End), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("blocks are nested more than {DEPTH_MAX} deep"));
        }
        let mut nodes = Vec::new();
        let end = loop {
            let Some(piece) = self.pieces.next() else {
                break End::Text;
            };
            let words = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.to_owned()));
                    continue;
                }
                Piece::Action(words) => words,
            };
            let keyword = match words.first() {
                Some(Word::Name(name)) => name.as_str(),
                _ => "",
            };
            let rest = words.get(1..).unwrap_or_default();
            nodes.push(match keyword {
                "end" if rest.is_empty() => break End::Block,
                "else" => break End::Else(rest.to_vec()),
                "if" => self.condition(rest)?,
                "range" => self.range(rest)?,
                "with" => {
                    let pipe = pipe(rest)?;
                    let (body, otherwise) = self.body("with")?;
                    Node::With(pipe, body, otherwise)
                }
                "break" | "continue" if rest.is_empty() => {
                    if self.loops == 0 {
                        return Err(format!("{{{{{keyword}}}}} is in no {{{{range}}}}"));
                    }
                    if keyword == "break" {
                        Node::Break
                    } else {
                        Node::Continue
                    }
                }
                "define" | "template" | "block" => {
                    return Err(format!(
                        "{keyword} is not supported: a template here is one text"
                    ));
                }
                _ => Node::Print(pipe(&words)?),
            });
        };
        self.depth -= 1;
        Ok((nodes, end))
    }

    fn condition(&mut self, words: &[Word]) -> Result<Node, String> {
        let mut branches = Vec::new();
        let mut condition = pipe(words)?;
        loop {
            let (body, end) = self.nodes()?;
            branches.push((condition, body));
            match end {
                End::Text => return Err("{{if}} has no {{end}}".to_owned()),
                End::Block => return Ok(Node::If(branches, Vec::new())),
                End::Else(words) => match words.as_slice() {
                    [] => {
                        let (otherwise, end) = self.nodes()?;
                        expect_end("if", &end)?;
                        return Ok(Node::If(branches, otherwise));
                    }
                    [Word::Name(name), rest @ ..] if name == "if" => condition = pipe(rest)?,
                    _ => return Err("{{else}} is followed by something else than if".to_owned()),
                },
            }
        }
    }

    fn range(&mut self, words: &[Word]) -> Result<Node, String> {
        let (names, rest) = match words {
            [
                Word::Variable(index, none),
                Word::Comma,
                Word::Variable(item, nothing),
                Word::Declare,
                rest @ ..,
            ] if none.is_empty() && nothing.is_empty() => {
                ([Some(index.clone()), Some(item.clone())], rest)
            }
            [Word::Variable(item, none), Word::Declare, rest @ ..] if none.is_empty() => {
                ([None, Some(item.clone())], rest)
            }
            rest => ([None, None], rest),
        };
        let over = pipe(rest)?;
        self.loops += 1;
        let (body, otherwise) = self.body("range")?;
        self.loops -= 1;
        Ok(Node::Range(Box::new(Range {
            names,
            over,
            body,
            otherwise,
        })))
    }

    /// What a block does, and what instead.
    fn body(&mut self, of: &str) -> Result<(Vec<Node>, Vec<Node>), String> {
        let (body, end) = self.nodes()?;
        match end {
            End::Else(words) if words.is_empty() => {
                let (otherwise, end) = self.nodes()?;
                expect_end(of, &end)?;
                Ok((body, otherwise))
            }
            end => expect_end(of, &end).map(|()| (body, Vec::new())),
        }
    }
}

fn expect_end(of: &str, end: &End) -> Result<(), String> {
    if *end == End::Block {
        return Ok(());
    }
    Err(format!("{{{{{of}}}}} has no {{{{end}}}}"))
}

fn pipe(words: &[Word]) -> Result<Pipe, String> {
    let (sets, rest) = match words {
        [
            Word::Variable(name, none),
            sign @ (Word::Declare | Word::Assign),
            rest @ ..,
        ] if none.is_empty() => {
            let setting = Setting {
                name: name.clone(),
                declares: *sign == Word::Declare,
            };
            (Some(setting), rest)
        }
        rest => (None, rest),
    };
    let (mut pipe, left) = commands(rest, 0)?;
    if !left.is_empty() {
        return Err("a parenthesis is closed that was not opened".to_owned());
    }
    pipe.sets = sets;
    Ok(pipe)
}

/// Commands to the end or to a closing parenthesis, which is the first word that is left.
fn commands(mut words: &[Word], depth: u32) -> Result<(Pipe, &[Word]), String> {
    if depth > DEPTH_MAX {
        return Err(format!("parentheses are nested more than {DEPTH_MAX} deep"));
    }
    let mut commands = Vec::new();
    loop {
        let mut terms = Vec::new();
        while let Some((word, rest)) = words.split_first() {
            match word {
                Word::Close(_) | Word::Pipe => break,
                Word::Open => {
                    let (inner, left) = self::commands(rest, depth + 1)?;
                    let Some((Word::Close(fields), left)) = left.split_first() else {
                        return Err("a parenthesis is not closed".to_owned());
                    };
                    terms.push(Term::Pipe(Box::new(inner), fields.clone()));
                    words = left;
                }
                word => {
                    terms.push(term(word)?);
                    words = rest;
                }
            }
        }
        commands.push(command(terms)?);
        match words.split_first() {
            Some((Word::Pipe, rest)) => words = rest,
            _ => {
                let pipe = Pipe {
                    sets: None,
                    commands,
                };
                return Ok((pipe, words));
            }
        }
    }
}

fn term(word: &Word) -> Result<Term, String> {
    Ok(match word {
        Word::Field(fields) => Term::Field(fields.clone()),
        Word::Variable(name, fields) => Term::Variable(name.clone(), fields.clone()),
        Word::Value(value) => Term::Value(value.clone()),
        Word::Name(name) if call::is_known(name) => Term::Function(name.clone()),
        Word::Name(name) => return Err(format!("there is no function {name}")),
        _ => return Err("a sign stands where a value is expected".to_owned()),
    })
}

fn command(terms: Vec<Term>) -> Result<Command, String> {
    let mut terms = terms.into_iter();
    let head = terms
        .next()
        .ok_or("a value is missing; expected such as {{.label}}")?;
    let mut args: Vec<Term> = terms.collect();
    if let (Term::Function(name), Some(first)) = (&head, args.first_mut()) {
        // Patterns are compiled once, not for each line.
        if let (true, Term::Value(Value::Text(text))) = (call::takes_pattern(name), &*first) {
            let pattern = Pattern::anywhere(text, false).map_err(|error| error.to_string())?;
            *first = Term::Value(Value::Pattern(Arc::new(pattern)));
        }
    }
    Ok(Command { head, args })
}
