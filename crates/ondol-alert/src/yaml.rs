//! YAML text to a tree with places, bounded in size and depth, aliases written out.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::problem::Problems;

/// A rule file, in bytes.
const TEXT_MAX: usize = 4 << 20;
/// Nodes of a file, those that aliases repeat counted again.
const NODES_MAX: usize = 200_000;
const DEPTH_MAX: usize = 32;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) bytes: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for people.
    pub(crate) fn what(&self) -> &'static str {
        match self.value {
            Value::Null => "empty",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Text(_) => 0,
            Value::List(items) => items.iter().map(Node::count).sum(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.count() + value.count())
                .sum(),
        }
    }
}

/// The first document, `None` when there is none or after telling what is wrong with it.
pub(crate) fn parse(text: &str, problems: &mut Problems<'_>) -> Option<Node> {
    if text.len() > TEXT_MAX {
        let mega = TEXT_MAX >> 20;
        problems.add(0..0, format!("this file is larger than {mega} MiB"));
        return None;
    }
    let places = Places::of(text);
    let mut tree = Tree::default();
    let mut events = Parser::new_from_str(text);
    while let Some(event) = events.next_event() {
        match event {
            Ok((event, span)) => {
                let end = places.byte(span.end.index());
                let bytes = trimmed(text, places.byte(span.start.index()), end);
                if let Err(why) = tree.take(event, bytes.clone()) {
                    problems.add(bytes, why);
                    return None;
                }
            }
            Err(why) => {
                let at = places.byte(why.marker().index());
                let help = "look at the indentation of this line and the one above; text with `: `, `#`, `{` or a leading `*`, `&`, `!`, `%`, `@` needs quotes";
                let message = format!("this is not YAML: {}", why.info());
                problems.add_with(at..at, message, Some(help.to_owned()));
                return None;
            }
        }
    }
    let mut documents = tree.documents.into_iter();
    let first = documents.next();
    if let Some(second) = documents.next() {
        problems.add(
            second.bytes,
            "a rule file is one document, and this is a second one",
        );
    }
    first
}

/// The parser ends a block where the next one begins; people see it end with its last letter.
fn trimmed(text: &str, start: usize, end: usize) -> Range<usize> {
    let seen = text.get(start..end.max(start)).unwrap_or_default();
    start..start + seen.trim_end().len()
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    documents: Vec<Node>,
    nodes: usize,
}

/// A collection whose end has not come.
struct Open {
    node: Node,
    anchor: usize,
    /// A key of a mapping whose value has not come.
    key: Option<Node>,
}

impl Tree {
    /// Takes in an event, or says why not.
    fn take(&mut self, event: Event<'_>, bytes: Range<usize>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let value = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if is_plain => Value::Null,
                    _ => Value::Text(text.into_owned()),
                };
                self.complete(Node { value, bytes }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(Value::List(Vec::new()), bytes, anchor),
            Event::MappingStart(anchor, _) => self.begin(Value::Map(Vec::new()), bytes, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open {
                    mut node, anchor, ..
                }) => {
                    node.bytes.end = bytes.end.max(node.bytes.end);
                    self.complete(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) => self.complete(Node { bytes, ..node }, 0),
                None => Err("this alias stands inside the anchor that it names".to_owned()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, bytes: Range<usize>, anchor: usize) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("this is nested more than {DEPTH_MAX} levels deep"));
        }
        self.open.push(Open {
            node: Node { value, bytes },
            anchor,
            key: None,
        });
        Ok(())
    }

    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += node.count();
        if self.nodes > NODES_MAX {
            return Err(format!(
                "the file means more than {NODES_MAX} values once its aliases are written out"
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            Value::Null | Value::Text(_) => {}
        }
        Ok(())
    }
}

/// The parser counts characters, we count bytes.
struct Places {
    /// The byte of each character, when they differ.
    bytes: Vec<u32>,
    end: usize,
}

impl Places {
    fn of(text: &str) -> Self {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(at, _)| at as u32).collect(),
        };
        let end = text.len();
        Places { bytes, end }
    }

    fn byte(&self, index: usize) -> usize {
        match self.bytes.is_empty() {
            true => index.min(self.end),
            false => self.bytes.get(index).map_or(self.end, |at| *at as usize),
        }
    }
}
