//! One file's tree, checked against the grammar and written out in its long form.
//!
//! Short forms, relative paths and lists of `NAME=value` are gone afterwards, so that merging and
//! lowering know one form only. Whatever does not fit is told and left out.

pub(crate) mod finish;
mod scalar;
mod several;
pub(crate) mod short;

use std::path::Path;

use crate::budget::Budget;
use crate::findings::{Findings, error};
use crate::grammar::{Object, Others, PROJECT, Shape};
use crate::keys::{KeyReport, KeyUse};
use crate::tree::{Entry, Kind, Map, Mark, Node, Scalar, Span, Value};
use ondol_model::did_you_mean;

pub(crate) use scalar::{clean, duration, file_mode, is_remote};
pub(crate) use several::unique;

pub(crate) struct Normaliser<'a> {
    /// What relative paths are relative to.
    pub(crate) dir: &'a Path,
    /// What `~` is.
    pub(crate) home: Option<&'a str>,
    pub(crate) findings: &'a mut Findings,
    pub(crate) budget: &'a mut Budget,
    /// Where we are, such as `services.web.ports[0]`.
    pub(crate) path: String,
}

impl Normaliser<'_> {
    /// A whole document; an empty one is an empty project.
    pub(crate) fn project(&mut self, node: Node) -> Node {
        let span = node.span;
        let empty = || Node::new(Value::Map(Map::new()), span);
        if node.value == Value::Null {
            return empty();
        }
        if node.map().is_none() {
            let what = node.what();
            self.findings.add(
                error(
                    "wrong-type",
                    format!("a Compose file is a mapping, but this is {what}"),
                )
                .at(node.span)
                .help("begin with `services:` and indent each service below it"),
            );
            return empty();
        }
        self.object(node, &PROJECT).unwrap_or_else(empty)
    }

    /// The long form of a value; `None` when it says nothing or was refused.
    fn value(&mut self, mut node: Node, shape: &'static Shape) -> Option<Node> {
        if node.mark != Mark::None && node.value == Value::Null {
            node.mark = Mark::Reset;
        }
        if node.mark == Mark::Reset || matches!(shape, Shape::Any) {
            return Some(node);
        }
        if node.value == Value::Null {
            return None;
        }
        let mark = node.mark;
        let mut long = match shape {
            Shape::Object(object) | Shape::MergedIfSame(_, Shape::Object(object)) => {
                self.object(node, object)
            }
            Shape::MergedIfSame(_, inner) => self.value(node, inner),
            Shape::Map(inner) => self.map(node, inner),
            Shape::Names(inner) => self.names(node, inner),
            Shape::Pairs => self.pairs(node),
            Shape::List(inner) => self.list(node, inner, None),
            Shape::Unique(inner, identity) => self.list(node, inner, Some(*identity)),
            Shape::OneOrMany(inner, identity) => {
                let alone = match node.value {
                    Value::Scalar(_) => true,
                    Value::Map(_) => matches!(inner.long(), Shape::Object(_)),
                    _ => false,
                };
                let node = match alone {
                    true => Node::list_node(vec![node.clone()], node.span),
                    false => node,
                };
                self.list(node, inner, Some(*identity))
            }
            Shape::Short(..) => self.expanded(node, shape).pop(),
            Shape::External if node.map().is_some() => Some(node),
            Shape::Words | Shape::ShellOr(_) => self.words(node, shape),
            _ => self.scalar(node, shape),
        }?;
        long.mark = mark;
        Some(long)
    }

    fn object(&mut self, node: Node, object: &'static Object) -> Option<Node> {
        let (span, map) = self.mapping(node)?;
        let mut long = Map::new();
        for required in object.required {
            if !map.contains_key(*required) {
                let path = &self.path;
                self.findings.add(
                    error("missing-key", format!("`{path}` has no `{required}`"))
                        .at(span)
                        .help(format!("add `{required}:` here")),
                );
            }
        }
        for (name, entry) in map {
            let length = self.step(&name);
            let value = match object.key(&name) {
                Some(key) => {
                    let (usage, reason) = key.usage_of(&entry.node);
                    self.report(usage, reason, key.shape, entry.key);
                    self.value(entry.node, key.shape)
                }
                None => {
                    self.unknown(&name, entry.key, object);
                    Some(entry.node)
                }
            };
            self.path.truncate(length);
            if let Some(node) = value {
                long.insert(
                    name,
                    Entry {
                        key: entry.key,
                        node,
                    },
                );
            }
        }
        let mut node = Node::new(Value::Map(long), span);
        if let Some(finish) = object.finish {
            finish(&mut node, self);
        }
        Some(node)
    }

    fn unknown(&mut self, name: &str, span: Span, object: &'static Object) {
        let reason = match object.others {
            _ if name == "x-ondol" => {
                "`x-ondol` has a meaning at the top of a file and in a service"
            }
            _ if name.starts_with("x-") => return,
            Others::EngineOnly => {
                return self.report(KeyUse::EngineOnly, None, &Shape::Any, span);
            }
            _ => "Ondol does not know it",
        };
        let message = format!("unknown key `{}`", self.path);
        let finding = error("unknown-key", message);
        let close = did_you_mean(name, object.names());
        let known = match object.names().count() {
            0..=12 => format!(
                "known here: {}",
                object.names().collect::<Vec<_>>().join(", ")
            ),
            _ => "check the spelling and the indentation; your own keys begin with `x-`".to_owned(),
        };
        self.findings.add(
            finding
                .at(span)
                .label("no such key here")
                .help(known)
                .help_maybe(close),
        );
        self.report(KeyUse::NotActedOn, Some(reason), &Shape::Any, span);
    }

    /// Notes what becomes of the key at hand: every leaf, and inside lists what is not acted on.
    fn report(&mut self, usage: KeyUse, reason: Option<&'static str>, shape: &Shape, span: Span) {
        let is_section = !self.path.contains('.') && matches!(shape, Shape::Map(_));
        let is_leaf = !matches!(shape.long(), Shape::Object(_) | Shape::MergedIfSame(..));
        let is_told = match self.path.contains('[') {
            true => usage != KeyUse::ActedOn,
            false => is_leaf && !is_section,
        };
        if !is_told {
            return;
        }
        let place = self.findings.place(span);
        let path = self.path.clone();
        let report = KeyReport {
            path: path.clone(),
            usage,
            reason,
            place,
        };
        self.findings.keys.insert(path, report);
    }

    fn mapping(&mut self, node: Node) -> Option<(Span, Map)> {
        self.mapping_or(node, &Shape::Map(&Shape::Any))
    }

    fn mapping_or(&mut self, node: Node, expected: &Shape) -> Option<(Span, Map)> {
        match node.value {
            Value::Map(map) => Some((node.span, map)),
            _ => {
                self.wrong_type(&node, expected);
                None
            }
        }
    }

    fn wrong_type(&mut self, node: &Node, expected: &Shape) {
        let (path, expects, what) = (&self.path, expected.expects(), node.what());
        self.findings.add(
            error(
                "wrong-type",
                format!("`{path}` must be {expects}, but this is {what}"),
            )
            .at(node.span)
            .help(match (&node.value, expected) {
                (Value::Null, _) => "write a value, or remove the line".to_owned(),
                (Value::Scalar(scalar), Shape::List(_)) => {
                    format!("write it as a list: [{:?}]", cut(&scalar.text))
                }
                _ => format!("write {expects}"),
            }),
        );
    }

    /// Goes one key deeper; returns what to truncate the path to on the way back.
    fn step(&mut self, name: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.extend(name.chars().take(80));
        length
    }
}

/// The beginning of a text, as much as fits into a sentence.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The text of a scalar, marked as text.
pub(crate) fn as_text(scalar: &Scalar) -> Scalar {
    let kind = Kind::Text;
    let text = scalar.text.clone();
    Scalar { text, kind }
}
