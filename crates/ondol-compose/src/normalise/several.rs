use std::collections::BTreeMap;

use super::{Normaliser, short};
use crate::findings::error;
use crate::grammar::{Identity, Shape};
use crate::tree::{Entry, Map, Mark, Node, Scalar, Value};

/// What holds several values: mappings with free keys, pairs, lists and commands.
impl Normaliser<'_> {
    pub(super) fn map(&mut self, node: Node, inner: &'static Shape) -> Option<Node> {
        let (span, map) = self.mapping(node)?;
        let mut long = Map::new();
        for (name, Entry { key, node }) in map {
            let length = self.step(&name);
            let is_object = matches!(inner.long(), Shape::Object(_));
            let node = match node.value {
                Value::Null if is_object && node.mark == Mark::None => {
                    Some(Node::new(Value::Map(Map::new()), node.span))
                }
                _ => self.value(node, inner),
            };
            self.path.truncate(length);
            if let Some(node) = node {
                long.insert(name, Entry { key, node });
            }
        }
        Some(Node::new(Value::Map(long), span))
    }

    /// `[a, b]` is `{a: {}, b: {}}`.
    pub(super) fn names(&mut self, node: Node, inner: &'static Shape) -> Option<Node> {
        let Value::List(items) = node.value else {
            return self.map(node, inner);
        };
        let mut long = Map::new();
        for item in items {
            let key = item.span;
            let item = self.scalar(item, &Shape::Text)?;
            let empty = Node::new(Value::Map(Map::new()), key);
            if let Value::Scalar(name) = item.value {
                long.insert(name.text, Entry { key, node: empty });
            }
        }
        Some(Node::new(Value::Map(long), node.span))
    }

    /// `[A=1, B]` is `{A: "1", B: null}`.
    pub(super) fn pairs(&mut self, node: Node) -> Option<Node> {
        let mut long = Map::new();
        match node.value {
            Value::List(items) => {
                for item in items {
                    let key = item.span;
                    let Some(pair) = self.scalar(item, &Shape::Text) else {
                        continue;
                    };
                    let text = pair.text().unwrap_or_default();
                    let (name, node) = match text.split_once('=') {
                        Some((name, value)) => (name, Node::text_node(value, key)),
                        None => (text, Node::new(Value::Null, key)),
                    };
                    long.insert(name.into(), Entry { key, node });
                }
            }
            _ => {
                let (_, map) = self.mapping_or(node.clone(), &Shape::Pairs)?;
                for (name, Entry { key, node }) in map {
                    let length = self.step(&name);
                    let node = match node.value {
                        Value::Null => Some(node),
                        _ => self.value(node, &Shape::Text),
                    };
                    self.path.truncate(length);
                    if let Some(node) = node {
                        long.insert(name, Entry { key, node });
                    }
                }
            }
        }
        if long.contains_key("") {
            let finding = error(
                "bad-value",
                format!("`{}` has an entry without a name", self.path),
            );
            self.findings
                .add(finding.at(node.span).help("write NAME=value"));
        }
        Some(Node::new(Value::Map(long), node.span))
    }

    pub(super) fn list(
        &mut self,
        node: Node,
        inner: &'static Shape,
        identity: Option<Identity>,
    ) -> Option<Node> {
        let span = node.span;
        let Value::List(items) = node.value else {
            self.wrong_type(&node, &Shape::List(&Shape::Any));
            return None;
        };
        let mut long = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("[{at}]"));
            if item.value == Value::Null && !matches!(inner, Shape::Any) {
                self.wrong_type(&item, inner);
            } else {
                long.extend(self.expanded(item, inner));
            }
            self.path.truncate(length);
        }
        if let Some(identity) = identity {
            long = unique(long, identity);
        }
        Some(Node::list_node(long, span))
    }

    /// The long forms of what may be a short form; a port range is several.
    pub(super) fn expanded(&mut self, node: Node, shape: &'static Shape) -> Vec<Node> {
        let Shape::Short(expand, inner) = shape else {
            return self.value(node, shape).into_iter().collect();
        };
        let (Some(text), true) = (node.text(), node.mark != Mark::Reset) else {
            return self.value(node, inner).into_iter().collect();
        };
        if self.budget.is_spent() {
            return Vec::new();
        }
        let span = node.span;
        match expand(text, span) {
            Ok(nodes) => {
                let weight = nodes.iter().map(Node::weight).sum();
                if !self.budget.take(weight, span, self.findings) {
                    return Vec::new();
                }
                nodes
                    .into_iter()
                    .filter_map(|node| self.value(node, inner))
                    .collect()
            }
            Err(wrong) => {
                let message = format!("`{}`: {}", self.path, wrong.message);
                self.findings
                    .add(error("bad-value", message).at(node.span).help(wrong.help));
                Vec::new()
            }
        }
    }

    /// A command as its list of words.
    pub(super) fn words(&mut self, node: Node, shape: &'static Shape) -> Option<Node> {
        let span = node.span;
        let text = match node.value {
            Value::List(_) => return self.list(node, &Shape::Text, None),
            Value::Scalar(Scalar { text, .. }) => text,
            _ => {
                self.wrong_type(&node, shape);
                return None;
            }
        };
        let words = match shape {
            Shape::ShellOr(before) => {
                let before = before.iter().map(|word| (*word).to_owned());
                Some(before.chain([text.to_string()]).collect())
            }
            _ => short::shell_words(&text),
        };
        let Some(words) = words else {
            let message = format!("`{}` has a quote that is never closed", self.path);
            self.findings.add(error("bad-value", message).at(span).help(
                "close the quote, or write the command as a list: [\"program\", \"argument\"]",
            ));
            return None;
        };
        let nodes = words
            .into_iter()
            .map(|word| Node::text_node(word, span))
            .collect();
        Some(Node::list_node(nodes, span))
    }
}

/// Keeps the place of the first and the content of the last of several same things.
pub(crate) fn unique(nodes: Vec<Node>, identity: Identity) -> Vec<Node> {
    let mut places = BTreeMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let place = *places.entry(identity(&node)).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(first) => *first = node,
            None => kept.push(node),
        }
    }
    kept
}
