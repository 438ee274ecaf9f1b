//! The events engine: log lines and spans, which are the same thing to it.
//!
//! An event belongs to a stream (a small, fixed set of labels), has a moment and any number of named fields. What comes
//! in stands in memory as it stands in the log; when there is enough of it, it becomes a segment: events sorted by stream
//! and moment, in blocks of columns. A search looks at the blocks whose streams and times fit and whose token filter does
//! not exclude what is looked for, the newest first, and stops when it has enough.

mod block;
mod build;
mod condition;
mod engine;
mod filter;
mod head;
mod memory;
mod names;
mod scan;
mod search;
mod segment;
#[cfg(test)]
mod tests;
mod view;

pub use condition::{Condition, Pattern, Test};
pub use engine::{EventConfig, EventStatus, Events};
pub use scan::Seen;
pub use search::{Found, Query};
pub use view::{EventView, Extent};

/// The field of a log line's text.
pub const BODY: &str = "body";
/// The field that leads from an event to its trace: 32 hexadecimal digits.
pub const TRACE_ID: &str = "trace_id";

/// An event that comes in.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Labels of its stream, sorted by name.
    pub stream: &'a [(&'a str, &'a str)],
    /// Its moment, in nanoseconds since 1970. Any order will do.
    pub at_ns: i64,
    /// Everything else. A name comes once.
    pub fields: &'a [(&'a str, &'a str)],
}
