use std::collections::BTreeMap;
use std::sync::Arc;

/// Where something stands: bytes `start..end` of one of the files that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A piece of YAML, with the place it came from. Equality is of content alone.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    pub(crate) mark: Mark,
}

/// Compose's two tags, which say how a node is merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    None,
    /// `!reset`: what an earlier file said is taken away.
    Reset,
    /// `!override`: what an earlier file said is replaced, not merged.
    Override,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Map),
}

/// Ordered by key: the same project always looks the same.
pub(crate) type Map = BTreeMap<Arc<str>, Entry>;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Span,
    pub(crate) node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: Arc<str>,
    pub(crate) kind: Kind,
}

/// What a scalar is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Unquoted in the file: its shape decides, else YAML's core schema.
    Plain,
    Text,
    /// A number or a boolean, printed bare.
    Bare,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Node {
    pub(crate) fn new(value: Value, span: Span) -> Self {
        Node {
            value,
            span,
            mark: Mark::None,
        }
    }

    pub(crate) fn text_node(text: impl Into<Arc<str>>, span: Span) -> Self {
        let kind = Kind::Text;
        let text = text.into();
        Node::new(Value::Scalar(Scalar { text, kind }), span)
    }

    pub(crate) fn bare_node(text: impl Into<Arc<str>>, span: Span) -> Self {
        let kind = Kind::Bare;
        let text = text.into();
        Node::new(Value::Scalar(Scalar { text, kind }), span)
    }

    pub(crate) fn map_node(
        entries: impl IntoIterator<Item = (&'static str, Node)>,
        span: Span,
    ) -> Self {
        let entry = |(key, node): (&'static str, Node)| {
            let key_span = node.span;
            (
                key.into(),
                Entry {
                    key: key_span,
                    node,
                },
            )
        };
        Node::new(Value::Map(entries.into_iter().map(entry).collect()), span)
    }

    pub(crate) fn list_node(items: Vec<Node>, span: Span) -> Self {
        Node::new(Value::List(items), span)
    }

    /// The node below `key`, when this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.get(key).map(|entry| &entry.node)
    }

    /// The node at the end of `path`.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entries of a map, none for anything else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.map().into_iter().flatten()
    }

    /// The items of a list, none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// What it is, for people.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            Value::Null => "empty",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Roughly how many bytes of memory it takes; what the loader's budget counts.
    pub(crate) fn weight(&self) -> u64 {
        NODE_WEIGHT
            + match &self.value {
                Value::Null => 0,
                Value::Scalar(scalar) => scalar.text.len() as u64,
                Value::List(items) => items.iter().map(Node::weight).sum(),
                Value::Map(map) => map
                    .iter()
                    .map(|(key, entry)| key.len() as u64 + NODE_WEIGHT + entry.node.weight())
                    .sum(),
            }
    }
}

/// What one node counts, its text aside.
pub(crate) const NODE_WEIGHT: u64 = 32;
