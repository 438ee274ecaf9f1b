//! A span, and how it is kept as an event.
//!
//! An event has a flat list of named texts. A span's own parts have the names in [`fields`]; its attributes keep their
//! names, those of its resource begin with `resource.`. An attribute that is called like one of the span's own parts gets
//! `span.` in front. `types` says which attributes are no texts, so that a span comes back as it was sent.

mod kept;

use std::sync::Arc;

/// A piece of work in a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Which trace; never 0.
    pub trace_id: u128,
    /// Which span of it; never 0.
    pub span_id: u64,
    /// The span that it is part of; 0 for none.
    pub parent_id: u64,
    /// What was done: its operation.
    pub name: String,
    /// On which side of a call it is.
    pub kind: SpanKind,
    /// Nanoseconds since 1970.
    pub start_ns: i64,
    /// How long it took.
    pub duration_ns: u64,
    /// What came of it.
    pub status: SpanStatus,
    /// In words.
    pub status_message: String,
    /// W3C `tracestate`.
    pub trace_state: String,
    /// What is known about it.
    pub attributes: Vec<Attribute>,
    /// What happened during it.
    pub moments: Vec<Moment>,
    /// Spans that it has to do with.
    pub links: Vec<Link>,
    /// The instrumentation that made it.
    pub scope: Arc<Scope>,
    /// What is known about the program that made it; `service.name` among it.
    pub resource: Arc<Vec<Attribute>>,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SpanValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanValue {
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any number.
    Float(f64),
    /// A list or a map, as JSON.
    Json(String),
}

/// On which side of a call a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanKind {
    /// Nobody said.
    #[default]
    Unspecified,
    /// Inside a program.
    Internal,
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Takes a message.
    Consumer,
}

/// What came of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// Somebody says that it went well.
    Ok,
    /// It failed.
    Error,
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// Nanoseconds since 1970.
    pub at_ns: i64,
    /// What it was.
    pub name: String,
    /// What is known about it.
    pub attributes: Vec<Attribute>,
}

/// A span, perhaps of another trace, that one has to do with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// Its trace.
    pub trace_id: u128,
    /// Its id.
    pub span_id: u64,
    /// What is known about it.
    pub attributes: Vec<Attribute>,
}

/// The instrumentation that made a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Names of the fields of a span as an event.
pub mod fields {
    /// 32 hexadecimal digits. Log lines have it too.
    pub const TRACE_ID: &str = "trace_id";
    /// 16 hexadecimal digits. Log lines have it too.
    pub const SPAN_ID: &str = "span_id";
    /// 16 hexadecimal digits; not there in the first span of a trace.
    pub const PARENT_ID: &str = "parent_span_id";
    /// What was done.
    pub const NAME: &str = "name";
    /// `server`, `client` ...; not there when nobody said.
    pub const KIND: &str = "kind";
    /// Nanoseconds.
    pub const DURATION: &str = "duration_ns";
    /// `ok` or `error`; not there when nobody said.
    pub const STATUS: &str = "status";
    /// The status in words.
    pub const STATUS_MESSAGE: &str = "status_message";
    /// W3C `tracestate`.
    pub const TRACE_STATE: &str = "trace_state";
    /// The instrumentation that made it.
    pub const SCOPE: &str = "scope";
    /// Its version.
    pub const SCOPE_VERSION: &str = "scope_version";
    /// What happened during it, as JSON.
    pub const MOMENTS: &str = "events";
    /// Spans that it has to do with, as JSON.
    pub const LINKS: &str = "links";
    /// Which attributes are no texts: `name=i`, with `b` for yes or no, `i` whole, `f` any number, `j` JSON.
    pub const TYPES: &str = "types";
    /// Before the names of the resource's attributes.
    pub const RESOURCE: &str = "resource.";
    /// Before the names of attributes that would be taken for something else.
    pub const SPAN: &str = "span.";

    /// The name under which a span's attribute is kept.
    pub fn of_attribute(name: &str) -> std::borrow::Cow<'_, str> {
        const OWN: [&str; 14] = [
            TRACE_ID,
            SPAN_ID,
            PARENT_ID,
            NAME,
            KIND,
            DURATION,
            STATUS,
            STATUS_MESSAGE,
            TRACE_STATE,
            SCOPE,
            SCOPE_VERSION,
            MOMENTS,
            LINKS,
            TYPES,
        ];
        if OWN.contains(&name) || name.starts_with(RESOURCE) || name.starts_with(SPAN) {
            format!("{SPAN}{name}").into()
        } else {
            name.into()
        }
    }
}

impl Span {
    /// The service that made it; `unknown_service` when it does not say, as OpenTelemetry has it.
    pub fn service(&self) -> &str {
        self.resource_text("service.name")
            .filter(|name| !name.is_empty())
            .unwrap_or("unknown_service")
    }

    /// A text among the attributes of its resource.
    pub fn resource_text(&self, name: &str) -> Option<&str> {
        text_of(&self.resource, name)
    }

    /// A text among its own attributes.
    pub fn text(&self, name: &str) -> Option<&str> {
        text_of(&self.attributes, name)
    }
}

fn text_of<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.name == name)?;
    match &found.value {
        SpanValue::Text(text) => Some(text),
        _ => None,
    }
}

impl SpanValue {
    /// As a text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            SpanValue::Text(text) | SpanValue::Json(text) => text.into(),
            SpanValue::Bool(true) => "true".into(),
            SpanValue::Bool(false) => "false".into(),
            SpanValue::Int(number) => number.to_string().into(),
            SpanValue::Float(number) => number.to_string().into(),
        }
    }
}

impl SpanKind {
    /// In OTLP's numbers.
    pub fn from_number(number: u64) -> Self {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }

    /// In OTLP's numbers.
    pub fn number(self) -> u64 {
        match self {
            SpanKind::Unspecified => 0,
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
            SpanKind::Producer => 4,
            SpanKind::Consumer => 5,
        }
    }

    /// In a word; empty when nobody said.
    pub fn word(self) -> &'static str {
        match self {
            SpanKind::Unspecified => "",
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Self {
        (1..=5)
            .map(SpanKind::from_number)
            .find(|kind| kind.word().eq_ignore_ascii_case(word))
            .unwrap_or_default()
    }
}

impl SpanStatus {
    /// In a word; empty when nobody said.
    pub fn word(self) -> &'static str {
        match self {
            SpanStatus::Unset => "",
            SpanStatus::Ok => "ok",
            SpanStatus::Error => "error",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "ok" => SpanStatus::Ok,
            "error" => SpanStatus::Error,
            _ => SpanStatus::Unset,
        }
    }
}
