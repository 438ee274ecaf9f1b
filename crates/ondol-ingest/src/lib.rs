//! What other programs send about themselves: bytes in, plain values out.
//!
//! OTLP (traces, logs, metrics; protobuf and JSON), Loki push, Prometheus remote write, Zipkin, and the log lines that
//! services write to their outputs. Pure: no clock, no socket, no store. A body that is not what it says it is, is
//! refused as a whole with a sentence; what is too much in one that is, is cut or left out and counted in [`Dropped`].

mod any_value;
mod batch;
mod json_text;
mod limits;
pub mod line;
pub mod loki;
pub mod otlp;
pub mod remote_write;
mod sample;
mod snappy;
mod span;
mod taking;
mod wire;
pub mod zipkin;

pub use batch::{Batch, Dropped, IngestError, Pair};
pub use limits::Limits;
pub use sample::{Exemplar, Metadata, NativeHistogram, Reading, Series, SeriesBatch};
pub use span::{Attribute, Link, Moment, Scope, Span, SpanKind, SpanStatus, SpanValue, fields};

/// Log lines of one origin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogStream {
    /// Its labels, sorted by name, each once.
    pub labels: Vec<Pair>,
    /// Its lines, in the order in which they came.
    pub lines: Vec<LogLine>,
}

/// A log line that somebody sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    /// Nanoseconds since 1970; 0 when nobody said.
    pub at_ns: i64,
    /// The text.
    pub body: String,
    /// What is known about it, a name once.
    pub fields: Vec<Pair>,
}
