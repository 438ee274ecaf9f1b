//! Events in memory, as those who search see them: whole, and never changed under their eyes.

use std::sync::Arc;

use super::head::StreamLabels;
use crate::bytes::Take;

/// What a chunk holds before the next one begins.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// Events that came one after the other.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// Of each event how many fields, and number and value of each.
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Between these moments are all of them.
    pub(super) min_ns: i64,
    pub(super) max_ns: i64,
}

impl Default for Chunk {
    fn default() -> Self {
        Chunk {
            bytes: Vec::new(),
            entries: Vec::new(),
            min_ns: i64::MAX,
            max_ns: i64::MIN,
        }
    }
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at_ns: i64,
    /// The number of its stream.
    pub(super) stream: u32,
    /// Where its fields begin.
    pub(super) offset: u32,
}

/// All events in memory at one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) streams: Arc<Vec<Arc<StreamLabels>>>,
    pub(super) fields: Arc<Vec<Arc<str>>>,
    /// In the order in which they came.
    pub(super) chunks: Vec<Arc<Chunk>>,
}

impl Memory {
    /// How many events.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.len()).sum()
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.size()).sum()
    }

    /// Earliest and latest moment, in nanoseconds since 1970.
    pub(super) fn span_ns(&self) -> Option<(i64, i64)> {
        let spans = self.chunks.iter().map(|chunk| (chunk.min_ns, chunk.max_ns));
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Name and value of each field, instead of what `into` had.
    pub(super) fn fields<'a>(
        &'a self,
        chunk: &'a Chunk,
        entry: Entry,
        into: &mut Vec<(&'a str, &'a str)>,
    ) {
        into.clear();
        let bytes = chunk.bytes.get(entry.offset as usize..);
        let mut from = Take(bytes.unwrap_or_default());
        let count = from.count(2).unwrap_or(0);
        into.extend((0..count).map_while(|_| self.field(&mut from)));
    }

    fn field<'a>(&'a self, from: &mut Take<'a>) -> Option<(&'a str, &'a str)> {
        let name = self.fields.get(from.varint().ok()? as usize)?;
        // Checked when it was taken in.
        Some((name, from.str().ok()?))
    }
}

impl Chunk {
    /// Bytes of memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.min_ns = self.min_ns.min(entry.at_ns);
        self.max_ns = self.max_ns.max(entry.at_ns);
        self.entries.push(entry);
    }
}
