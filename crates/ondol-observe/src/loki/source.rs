//! The lines of the events engine, as LogQL reads them.
//!
//! A line is an event with a body. Its stream's labels are labels; of its fields, what its sender said about it is
//! structured metadata. What was found in the text of a line that a service wrote itself is there by name, and not
//! shown: the line says it already.

mod event;
mod pushed;

use std::borrow::Cow;
use std::ops::ControlFlow;

use ondol_query::logql::{LogLine, LogSelection, LogSource, Order, Wanted};
use ondol_query::{Labels, SourceError};
use ondol_telemetry::{BODY, EventView, Found, Query, Seen, StoreError};

use event::{Parts, field_of};

/// Lines that are looked for at once when they are wanted in order; twice as many each time that they do not suffice.
const PAGE: usize = 500;
const PAGE_MAX: usize = 16_000;

/// The lines of a node, as they are at one moment.
pub(crate) struct StoredLines(pub(crate) EventView);

impl LogSource for StoredLines {
    fn read(
        &self,
        selection: &LogSelection<'_>,
        sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let query = Query {
            streams: selection.matchers.to_vec(),
            start_ns: selection.start_ns,
            end_ns: selection.end_ns,
            ..Query::default()
        };
        let StoredLines(view) = self;
        let conditions = pushed::conditions(selection, || {
            let streams = view.streams(&query).map_err(refused)?;
            Ok(streams
                .iter()
                .flatten()
                .map(|label| label.name.clone())
                .collect())
        })?;
        let query = Query {
            conditions,
            ..query
        };
        match selection.order {
            Order::Any => scan(view, &query, &selection.wanted, sink),
            Order::NewestFirst | Order::OldestFirst => {
                let query = Query {
                    oldest_first: selection.order == Order::OldestFirst,
                    limit: selection.lines_about.unwrap_or(PAGE).clamp(1, PAGE_MAX) + 1,
                    ..query
                };
                pages(view, query, sink)
            }
        }
    }
}

fn scan(
    view: &EventView,
    query: &Query,
    wanted: &Wanted<'_>,
    sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    let is_wanted = |field: &str| match wanted {
        Wanted::All => true,
        Wanted::Labels { names, line } => {
            (*line && field == BODY) || names.iter().any(|name| field_of(name, field))
        }
    };
    let mut visit = |seen: Seen<'_>| {
        let fields = seen.fields.iter().map(|(name, value)| (*name, &**value));
        give_parts(seen.stream, fields, seen.at_ns, sink)
    };
    view.scan(query, &is_wanted, &mut visit).map_err(refused)
}

/// In order, a page after the other. Lines of the last moment of a page may go on in the next one, and are left
/// for it.
fn pages(
    view: &EventView,
    mut query: Query,
    sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    loop {
        let mut page = view.search(&query).map_err(refused)?;
        let last_ns = page.last().map(|found| found.at_ns);
        let is_last = page.len() < query.limit;
        if !is_last {
            page.retain(|found| Some(found.at_ns) != last_ns);
        }
        for found in &page {
            if give(found, sink).is_break() {
                return Ok(());
            }
        }
        let Some(last_ns) = last_ns.filter(|_| !is_last) else {
            return Ok(());
        };
        if query.oldest_first {
            query.start_ns = last_ns;
        } else {
            query.end_ns = last_ns;
        }
        // All of one moment: then the next page has to be larger, however large that is.
        let limit = query.limit.saturating_mul(2);
        query.limit = if page.is_empty() {
            limit
        } else {
            limit.min(PAGE_MAX)
        };
    }
}

fn give(found: &Found, sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    let fields = found.fields.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
    give_parts(&found.stream, fields, found.at_ns, sink)
}

/// Gives an event with these fields as a line.
pub(super) fn give_parts<'f>(
    stream: &Labels,
    fields: impl Iterator<Item = (&'f str, &'f str)>,
    at_ns: i64,
    sink: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    Parts::of(stream, fields).give(stream, at_ns, sink)
}

/// A name as a label may be called.
fn label_name(field: &str) -> Cow<'_, str> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit_first = field.starts_with(|c: char| c.is_ascii_digit());
    if !digit_first && field.chars().all(of_name) {
        return Cow::Borrowed(field);
    }
    let prefix = if digit_first { "_" } else { "" };
    let name = field.chars().map(|c| if of_name(c) { c } else { '_' });
    Cow::Owned(prefix.chars().chain(name).collect())
}

pub(super) fn refused(error: StoreError) -> SourceError {
    match error {
        StoreError::TooMuch { bytes_max } => SourceError::TooMuch {
            what: "bytes",
            limit: bytes_max,
        },
        error => SourceError::Broken(Box::new(error)),
    }
}
