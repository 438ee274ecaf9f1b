//! Events that are not in a segment yet.
//!
//! A record of the log names the streams and fields that its file does not know, in the order of their numbers, and then
//! has the events. Each file has numbers of its own; in memory they become those of the head, so that any files can be
//! read into one. Marks stand at the end of a record: they are there when its events are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Event;
use super::memory::{CHUNK_BYTES, Chunk, Entry, Memory};
use super::names::Names;
use crate::bytes::{Malformed, Put, Take};

/// Labels of a stream, sorted by name.
pub(super) type StreamLabels = Vec<(String, String)>;

#[derive(Default)]
pub(super) struct Head {
    streams: Names<StreamLabels>,
    fields: Names<str>,
    /// Full ones, which change no more.
    chunks: Vec<Arc<Chunk>>,
    open: Chunk,
    /// Of the full ones.
    full_bytes: usize,
    marks: BTreeMap<String, String>,
    /// What the current log file was told.
    told: Told,
}

/// The streams and fields that a log file knows, by their numbers there.
#[derive(Clone, Default)]
pub(super) struct Told {
    streams: Vec<u32>,
    fields: Vec<u32>,
    /// Whether numbers here are others there.
    is_moved: bool,
}

impl Told {
    fn stream(&mut self, number: u32) {
        self.is_moved |= number as usize != self.streams.len();
        self.streams.push(number);
    }

    fn field(&mut self, number: u32) {
        self.is_moved |= number as usize != self.fields.len();
        self.fields.push(number);
    }
}

impl Head {
    /// Takes events and marks in, if `write` could write their record.
    pub(super) fn push<E>(
        &mut self,
        events: &[Event<'_>],
        marks: &[(&str, &str)],
        write: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = (self.streams.len(), self.fields.len());
        let mut record = self.record(events);
        put_marks(marks, &mut record);
        if let Err(error) = write(&record) {
            self.streams.truncate(before.0);
            self.fields.truncate(before.1);
            return Err(error);
        }
        let mut told = std::mem::take(&mut self.told);
        // It was made a moment ago, and reads as any record does.
        let applied = self.apply(&record, &mut told);
        debug_assert!(applied.is_ok());
        self.told = told;
        Ok(())
    }

    /// Everything in memory, to look at while others write.
    pub(super) fn memory(&self) -> Memory {
        let mut chunks = self.chunks.clone();
        if !self.open.entries.is_empty() {
            chunks.push(Arc::new(self.open.clone()));
        }
        Memory {
            streams: self.streams.all().clone(),
            fields: self.fields.all().clone(),
            chunks,
        }
    }

    /// Lets go of all events and their names; marks stay. To be called when a log file has just begun.
    pub(super) fn freeze(&mut self) -> Memory {
        self.close();
        let frozen = self.memory();
        *self = Head {
            marks: std::mem::take(&mut self.marks),
            ..Head::default()
        };
        frozen
    }

    /// The marks.
    pub(super) fn marks(&self) -> &BTreeMap<String, String> {
        &self.marks
    }

    /// A record of the marks alone, for a log file that begins; `None` when there are none.
    pub(super) fn marks_record(&self) -> Option<Vec<u8>> {
        if self.marks.is_empty() {
            return None;
        }
        let mut record = Head::default().record(&[]);
        let marks: Vec<(&str, &str)> = (self.marks.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        put_marks(&marks, &mut record);
        Some(record)
    }

    /// A new log file has begun, and knows nothing.
    pub(super) fn tell_anew(&mut self) {
        self.told = Told::default();
    }

    fn record(&mut self, events: &[Event<'_>]) -> Vec<u8> {
        let (mut body, mut before) = (Vec::new(), 0_i64);
        body.put_varint(events.len() as u64);
        for event in events {
            body.put_varint(u64::from(self.stream(event.stream)));
            body.put_signed(
                event
                    .at_ns
                    .wrapping_sub(std::mem::replace(&mut before, event.at_ns)),
            );
            body.put_varint(event.fields.len() as u64);
            for (name, value) in event.fields {
                body.put_varint(u64::from(self.field(name)));
                body.put_bytes(value.as_bytes());
            }
        }
        let mut record = Vec::with_capacity(body.len() + 16);
        let new = self.streams.all().get(self.told.streams.len()..);
        let new = new.unwrap_or_default();
        record.put_varint(new.len() as u64);
        for labels in new {
            record.put_varint(labels.len() as u64);
            for (name, value) in labels.iter() {
                record.put_bytes(name.as_bytes());
                record.put_bytes(value.as_bytes());
            }
        }
        let new = self.fields.all().get(self.told.fields.len()..);
        let new = new.unwrap_or_default();
        record.put_varint(new.len() as u64);
        for name in new {
            record.put_bytes(name.as_bytes());
        }
        record.append(&mut body);
        record
    }

    /// Takes a record into memory, of a file that was `told` so much; says how many events it had. Its events all or none.
    pub(super) fn apply(&mut self, record: &[u8], told: &mut Told) -> Result<usize, Malformed> {
        let mut from = Take(record);
        for _ in 0..from.count(1)? {
            let count = from.count(2)?;
            let labels: Vec<(&str, &str)> = (0..count)
                .map(|_| Ok((from.str()?, from.str()?)))
                .collect::<Result<_, Malformed>>()?;
            told.stream(self.stream(&labels));
        }
        for _ in 0..from.count(1)? {
            told.field(self.field(from.str()?));
        }
        let count = from.count(3)?;
        if self.open.bytes.len() + from.0.len() > CHUNK_BYTES {
            self.close();
        }
        if self.open.bytes.capacity() == 0 && count > 0 {
            self.open.bytes.reserve_exact(CHUNK_BYTES.max(from.0.len()));
        }
        let (bytes, entries) = (self.open.bytes.len(), self.open.entries.len());
        let entered = enter(&mut self.open, &mut from, count, told);
        let marks = entered.and_then(|()| take_marks(&mut from));
        let marks = match marks {
            Ok(marks) => marks,
            Err(malformed) => {
                self.open.bytes.truncate(bytes);
                self.open.entries.truncate(entries);
                return Err(malformed);
            }
        };
        for (name, value) in marks {
            match value.is_empty() {
                true => self.marks.remove(name),
                false => self.marks.insert(name.to_owned(), value.to_owned()),
            };
        }
        Ok(count)
    }

    /// The open chunk changes no more.
    fn close(&mut self) {
        if self.open.entries.is_empty() {
            return;
        }
        let mut full = std::mem::take(&mut self.open);
        full.bytes.shrink_to_fit();
        full.entries.shrink_to_fit();
        self.full_bytes += full.size();
        self.chunks.push(Arc::new(full));
    }

    /// How many streams there are.
    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether a stream is known.
    pub(super) fn has(&self, labels: &[(&str, &str)]) -> bool {
        self.streams.has(|known| compare(known, labels))
    }

    /// Whether there are no events.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.open.entries.is_empty()
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        let full: usize = self.chunks.iter().map(|chunk| chunk.entries.len()).sum();
        full + self.open.entries.len()
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.full_bytes + self.open.size()
    }

    /// The earliest moment, in nanoseconds since 1970.
    pub(super) fn oldest_ns(&self) -> Option<i64> {
        let full = self.chunks.iter().map(|chunk| chunk.min_ns);
        let oldest = full.fold(self.open.min_ns, i64::min);
        (!self.is_empty()).then_some(oldest)
    }

    fn stream(&mut self, labels: &[(&str, &str)]) -> u32 {
        let make = || Arc::new(owned(labels));
        self.streams.number(|known| compare(known, labels), make)
    }

    fn field(&mut self, name: &str) -> u32 {
        self.fields.number(|known| known.cmp(name), || name.into())
    }
}

/// Reads events into a chunk, with the numbers of its head.
fn enter(
    chunk: &mut Chunk,
    from: &mut Take<'_>,
    count: usize,
    told: &Told,
) -> Result<(), Malformed> {
    let number = |known: &[u32], of: u64| known.get(of as usize).copied().ok_or(Malformed);
    let mut at_ns = 0_i64;
    for _ in 0..count {
        let stream = number(&told.streams, from.varint()?)?;
        at_ns = at_ns.wrapping_add(from.signed()?);
        let offset = u32::try_from(chunk.bytes.len()).map_err(|_| Malformed)?;
        let whole = from.0;
        let fields = from.count(2)?;
        if told.is_moved {
            chunk.bytes.put_varint(fields as u64);
        }
        for _ in 0..fields {
            let field = number(&told.fields, from.varint()?)?;
            let value = from.str()?;
            if told.is_moved {
                chunk.bytes.put_varint(u64::from(field));
                chunk.bytes.put_bytes(value.as_bytes());
            }
        }
        if !told.is_moved {
            let read = whole.len() - from.0.len();
            chunk
                .bytes
                .extend_from_slice(whole.get(..read).unwrap_or_default());
        }
        chunk.add(Entry {
            at_ns,
            stream,
            offset,
        });
    }
    Ok(())
}

/// Nothing where there are none: then a record is what it was before there were marks.
fn put_marks(marks: &[(&str, &str)], into: &mut Vec<u8>) {
    if marks.is_empty() {
        return;
    }
    into.put_varint(marks.len() as u64);
    for (name, value) in marks {
        into.put_bytes(name.as_bytes());
        into.put_bytes(value.as_bytes());
    }
}

fn take_marks<'a>(from: &mut Take<'a>) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let count = from.count(2)?;
    (0..count).map(|_| Ok((from.str()?, from.str()?))).collect()
}

fn compare(known: &StreamLabels, labels: &[(&str, &str)]) -> Ordering {
    let known = known
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    known.cmp(labels.iter().copied())
}

fn owned(labels: &[(&str, &str)]) -> StreamLabels {
    let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    labels.iter().map(label).collect()
}
