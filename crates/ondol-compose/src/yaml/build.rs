use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::{mark_of, syntax_error, too_deep};
use crate::budget::{Budget, DEPTH_MAX};
use crate::findings::{Findings, error};
use crate::tree::{Entry, Kind, Map, Mark, NODE_WEIGHT, Node, Scalar, Span, Value};

/// Events to trees, without recursion.
pub(super) struct Builder<'a> {
    findings: &'a mut Findings,
    budget: &'a mut Budget,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    documents: Vec<Node>,
}

/// A collection whose end has not come.
struct Open {
    span: Span,
    anchor: usize,
    mark: Mark,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map {
        map: Map,
        /// Values of `<<`, in order.
        merged: Vec<Node>,
        key: Option<Key>,
    },
}

enum Key {
    Named(Arc<str>, Span),
    /// `<<`
    Merge,
    /// One that was refused; its value is read and dropped.
    Refused,
}

impl<'a> Builder<'a> {
    pub(super) fn new(findings: &'a mut Findings, budget: &'a mut Budget) -> Self {
        Builder {
            findings,
            budget,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            documents: Vec::new(),
        }
    }

    pub(super) fn documents(self) -> Vec<Node> {
        self.documents
    }

    /// Takes in an event; `false` when there is no use in going on.
    pub(super) fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let mark = self.mark(tag.as_deref(), span);
                let value = scalar(&text, style, tag.as_deref());
                if !self
                    .budget
                    .take(NODE_WEIGHT + text.len() as u64, span, self.findings)
                {
                    return false;
                }
                self.complete(Node { value, span, mark }, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                return self.start(Inside::List(Vec::new()), anchor, tag.as_deref(), span);
            }
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Map {
                    map: Map::new(),
                    merged: Vec::new(),
                    key: None,
                };
                return self.start(inside, anchor, tag.as_deref(), span);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.end(span),
            Event::Alias(id) => return self.alias(id, span),
            _ => {}
        }
        true
    }

    pub(super) fn syntax_error(&mut self, span: Span, info: &str) {
        let inside = self.open.last().map(|open| open.span);
        self.findings.add(syntax_error(span, info, inside));
        self.open.clear();
    }

    fn mark(&mut self, tag: Option<&Tag>, span: Span) -> Mark {
        tag.map_or(Mark::None, |tag| {
            mark_of(&tag.handle, &tag.suffix, span, self.findings)
        })
    }

    fn start(&mut self, inside: Inside, anchor: usize, tag: Option<&Tag>, span: Span) -> bool {
        let mark = self.mark(tag, span);
        if self.open.len() >= DEPTH_MAX {
            too_deep(span, self.findings);
            return false;
        }
        self.open.push(Open {
            span,
            anchor,
            mark,
            inside,
        });
        self.budget.take(NODE_WEIGHT, span, self.findings)
    }

    fn end(&mut self, end: Span) -> bool {
        let Some(open) = self.open.pop() else {
            return true;
        };
        let value = match open.inside {
            Inside::List(items) => Value::List(items),
            Inside::Map {
                mut map, merged, ..
            } => {
                for source in merged {
                    self.merge(&mut map, source);
                }
                Value::Map(map)
            }
        };
        let span = Span {
            end: end.end.max(open.span.end),
            ..open.span
        };
        let node = Node {
            value,
            span,
            mark: open.mark,
        };
        self.complete(node, open.anchor);
        !self.budget.is_spent()
    }

    /// Adds what `map` lacks (YAML's merge key); the first of several sources wins.
    fn merge(&mut self, map: &mut Map, source: Node) {
        match source.value {
            Value::Map(entries) => {
                for (key, entry) in entries {
                    map.entry(key).or_insert(entry);
                }
            }
            Value::List(items) => {
                for item in items {
                    self.merge(map, item);
                }
            }
            Value::Null => {}
            Value::Scalar(_) => self.findings.add(
                error(
                    "wrong-type",
                    "`<<` merges a mapping, but this is a single value",
                )
                .at(source.span)
                .help("name an anchor of a mapping, as in `<<: *defaults`"),
            ),
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> bool {
        let Some(node) = self.anchors.get(&id) else {
            self.findings.add(
                error(
                    "alias-cycle",
                    "this alias stands inside the anchor that it names",
                )
                .at(span)
                .help("an anchor can be used only after its end"),
            );
            self.complete(Node::new(Value::Null, span), 0);
            return true;
        };
        if self.open.len() + depth(node) > DEPTH_MAX {
            too_deep(span, self.findings);
            return false;
        }
        if !self.budget.take(node.weight(), span, self.findings) {
            return false;
        }
        let node = node.clone();
        self.complete(node, 0);
        true
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) {
        if anchor > 0 && self.budget.take(node.weight(), node.span, self.findings) {
            self.anchors.insert(anchor, node.clone());
        }
        let findings = &mut *self.findings;
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => {
                self.documents.push(node);
                self.anchors.clear();
            }
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { map, merged, key }) => match key.take() {
                None => *key = Some(as_key(&node, map, findings)),
                Some(Key::Merge) => merged.push(node),
                Some(Key::Refused) => {}
                Some(Key::Named(name, span)) => {
                    map.insert(name, Entry { key: span, node });
                }
            },
        }
    }
}

fn as_key(node: &Node, map: &Map, findings: &mut Findings) -> Key {
    let scalar = match &node.value {
        Value::Scalar(scalar) => scalar,
        Value::Null => {
            return Key::Named("".into(), node.span);
        }
        _ => {
            findings.add(
                error(
                    "wrong-type",
                    format!("a key must be text, but this is {}", node.what()),
                )
                .at(node.span)
                .help("braces and brackets in a key or value need quotes, as in \"{name}\""),
            );
            return Key::Refused;
        }
    };
    if &*scalar.text == "<<" && scalar.kind == Kind::Plain {
        return Key::Merge;
    }
    if let Some(first) = map.get(&scalar.text) {
        let finding = error(
            "duplicate-key",
            format!("`{}` is written twice", scalar.text),
        );
        findings.add(
            finding
                .at(node.span)
                .label("again here")
                .see(first.key, "first here")
                .help("keep one, or put the contents of both under one key"),
        );
        return Key::Refused;
    }
    Key::Named(scalar.text.clone(), node.span)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let said_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    let plain = style == ScalarStyle::Plain && !said_text;
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let kind = if plain { Kind::Plain } else { Kind::Text };
    Value::Scalar(Scalar {
        text: text.into(),
        kind,
    })
}

fn depth(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Map(map) => map
            .values()
            .map(|entry| depth(&entry.node))
            .max()
            .unwrap_or(0),
        _ => 0,
    }
}
