//! What may stand where: one table per mapping of a Compose file. Checking, "did you mean", the short
//! forms, merging, `ondol check` and (for `x-ondol`) the schema and the reference page all read it.

mod compose;
mod deploy;
mod service;
mod x_ondol;

pub(crate) use compose::PROJECT;
pub(crate) use service::SERVICE_SHAPE;
pub(crate) use x_ondol::{X_ONDOL_PROJECT, X_ONDOL_SERVICE};

use crate::keys::KeyUse;
use crate::normalise::Normaliser;
use crate::tree::{Node, Span};

/// One key of a mapping.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) usage: KeyUse,
    /// The only values that are acted on; empty for all.
    pub(crate) values: &'static [&'static str],
    /// Why it is not acted on, or when.
    pub(crate) reason: Option<&'static str>,
    /// What holds when it is not written, for the reference page.
    pub(crate) default: &'static str,
    /// One or two sentences, for the reference page.
    pub(crate) doc: &'static str,
}

/// A mapping with known keys. `x-` keys are allowed besides.
pub(crate) struct Object {
    pub(crate) keys: &'static [Key],
    /// Keys that must be there.
    pub(crate) required: &'static [&'static str],
    pub(crate) others: Others,
    /// What is done with the mapping once its parts are in order.
    pub(crate) finish: Option<fn(&mut Node, &mut Normaliser<'_>)>,
}

/// What keys are that the table does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Wrong: slips of the finger, for the most part. Compose refuses them too.
    Refused,
    /// Options for a container engine.
    EngineOnly,
}

/// What a value may be, and how two of them merge.
pub(crate) enum Shape {
    /// Anything: extension fields, options of drivers.
    Any,
    /// Text; numbers and booleans are taken as they are written.
    Text,
    Bool,
    /// A whole number within bounds.
    Whole {
        min: i64,
        max: i64,
    },
    /// A number, not negative.
    Number,
    /// An amount of memory.
    Size,
    /// A length of time.
    Duration,
    /// Permission bits.
    Mode,
    Choice(&'static [&'static str]),
    /// A path of the machine, made absolute.
    Path,
    /// The same, or the address of a repository.
    Context,
    /// `true`, `false`, or the old `{name: ...}`.
    External,
    /// A list that a later file appends to.
    List(&'static Shape),
    /// A list in which a later entry takes the place of one that is the same thing.
    Unique(&'static Shape, Identity),
    /// The same, and one entry may stand without its list.
    OneOrMany(&'static Shape, Identity),
    /// A mapping, or a list of `NAME=value`.
    Pairs,
    /// A mapping with free keys.
    Map(&'static Shape),
    /// A mapping with free keys, or a list of them.
    Names(&'static Shape),
    /// A program and its arguments as a list, or as text that is split like a shell does; replaced as a whole.
    Words,
    /// Alike, but text is a line for `/bin/sh`, behind these words.
    ShellOr(&'static [&'static str]),
    Object(&'static Object),
    /// A single value that is short for something longer.
    Short(Expand, &'static Shape),
    /// A mapping that is replaced when the named key differs, and else merged.
    MergedIfSame(&'static str, &'static Shape),
}

/// What makes two entries of a list the same thing.
pub(crate) type Identity = fn(&Node) -> String;

/// Writes out a short form. The error says what is wrong, and what it should look like.
pub(crate) type Expand = fn(&str, Span) -> Result<Vec<Node>, Wrong>;

/// Why a value was refused.
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl Shape {
    /// What was expected, for people.
    pub(crate) fn expects(&self) -> String {
        match self {
            Shape::Any => "anything".into(),
            Shape::Text => "text".into(),
            Shape::Bool => "true or false".into(),
            Shape::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Number => "a number, such as 0.5".into(),
            Shape::Size => "an amount of memory, such as 512m".into(),
            Shape::Duration => "a length of time, such as 1m30s".into(),
            Shape::Mode => "permission bits in octal, such as \"0440\"".into(),
            Shape::Choice(choices) => format!("one of {}", choices.join(", ")),
            Shape::Path | Shape::Context => "a path".into(),
            Shape::External => "true or false".into(),
            Shape::List(_) | Shape::Unique(..) => "a list".into(),
            Shape::OneOrMany(..) => "one value or a list of them".into(),
            Shape::Pairs => "a mapping or a list of NAME=value".into(),
            Shape::Map(_) | Shape::Object(_) | Shape::MergedIfSame(..) => "a mapping".into(),
            Shape::Names(_) => "a list of names or a mapping".into(),
            Shape::Words | Shape::ShellOr(_) => "a command: text or a list of words".into(),
            Shape::Short(_, long) => format!("{} or its short form", long.expects()),
        }
    }

    /// The shape of what a node is once short forms are written out.
    pub(crate) fn long(&self) -> &Shape {
        match self {
            Shape::Short(_, long) => long.long(),
            other => other,
        }
    }
}

impl Key {
    /// What becomes of it with this value, and why.
    pub(crate) fn usage_of(&self, node: &Node) -> (KeyUse, Option<&'static str>) {
        match node.text() {
            _ if self.values.is_empty() => (self.usage, self.reason),
            Some(text) if !self.values.contains(&text) => (KeyUse::NotActedOn, self.reason),
            _ => (self.usage, None),
        }
    }
}

impl Object {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

const fn acted(name: &'static str, shape: &'static Shape) -> Key {
    let usage = KeyUse::ActedOn;
    let (reason, default, doc) = (None, "", "");
    Key {
        name,
        shape,
        usage,
        values: &[],
        reason,
        default,
        doc,
    }
}

/// Acted on with these values; with another one not, for this reason.
const fn acted_with(
    name: &'static str,
    shape: &'static Shape,
    values: &'static [&'static str],
    reason: &'static str,
) -> Key {
    Key {
        values,
        reason: Some(reason),
        ..acted(name, shape)
    }
}

const fn engine(name: &'static str, shape: &'static Shape) -> Key {
    let usage = KeyUse::EngineOnly;
    Key {
        usage,
        ..acted(name, shape)
    }
}

const fn ignored(name: &'static str, shape: &'static Shape, reason: &'static str) -> Key {
    let (usage, reason) = (KeyUse::NotActedOn, Some(reason));
    Key {
        usage,
        reason,
        ..acted(name, shape)
    }
}

/// The same key, and why it is used so.
const fn because(key: Key, reason: &'static str) -> Key {
    let reason = Some(reason);
    Key { reason, ..key }
}

const fn object(keys: &'static [Key]) -> Object {
    let (required, others, finish) = (&[] as &[&str], Others::Refused, None);
    Object {
        keys,
        required,
        others,
        finish,
    }
}

const fn with(required: &'static [&'static str], keys: &'static [Key]) -> Object {
    Object {
        required,
        ..object(keys)
    }
}

static ANY: Shape = Shape::Any;
static TEXT: Shape = Shape::Text;
static BOOL: Shape = Shape::Bool;
static NUMBER: Shape = Shape::Number;
static SIZE: Shape = Shape::Size;
static DURATION: Shape = Shape::Duration;
static MODE: Shape = Shape::Mode;
static PATH: Shape = Shape::Path;
static EXTERNAL: Shape = Shape::External;
static TEXTS: Shape = Shape::Unique(&TEXT, by_text);
static TEXT_OR_TEXTS: Shape = Shape::OneOrMany(&TEXT, by_text);
static PATHS: Shape = Shape::OneOrMany(&PATH, by_text);
static PAIRS: Shape = Shape::Pairs;
static OPTIONS: Shape = Shape::Map(&ANY);
static WORDS: Shape = Shape::Words;
static COUNT: Shape = Shape::Whole {
    min: 0,
    max: 1_000_000,
};
static REPLICAS: Shape = Shape::Whole {
    min: 0,
    max: 10_000,
};
static ID: Shape = Shape::Whole {
    min: 0,
    max: u32::MAX as i64 - 1,
};
static PORT: Shape = Shape::Whole {
    min: 1,
    max: 65_535,
};
static WHOLE: Shape = Shape::Whole {
    min: i64::MIN,
    max: i64::MAX,
};

fn by_text(node: &Node) -> String {
    node.text().unwrap_or_default().to_owned()
}

/// By the key `path` or `target` or whatever names the entry.
fn by(node: &Node, keys: &[&str]) -> String {
    let parts = keys
        .iter()
        .map(|key| node.get(key).and_then(Node::text).unwrap_or_default());
    parts.collect::<Vec<_>>().join("\0")
}
