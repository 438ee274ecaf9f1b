//! Segments of events.
//!
//! ```text
//! blocks    columns of events, packed one by one
//! filters   one for each block, each on its own: a search reads these first
//! traces    sorted: first half of a trace's id, and a block that has events of it
//! index     streams, and of each block: where it is, its filter, its times, its streams
//! ```

use super::head::StreamLabels;
use super::search::Query;
use crate::bytes::{Malformed, Put, Take};
use crate::store::Block as Place;

/// What is known of a block without reading it.
pub(super) struct BlockEntry {
    pub(super) place: Place,
    pub(super) filter: Place,
    pub(super) min_ns: i64,
    pub(super) max_ns: i64,
    /// First and last of its streams.
    pub(super) streams: (u32, u32),
}

impl BlockEntry {
    /// Whether it may have something in the time of a query.
    pub(super) fn is_in_time(&self, query: &Query) -> bool {
        self.min_ns <= query.end_ns && self.max_ns >= query.start_ns
    }
}

/// The index of a segment.
pub(super) struct Index {
    pub(super) streams: Vec<StreamLabels>,
    pub(super) blocks: Vec<BlockEntry>,
    /// First key of each part of the trace index, and where it is.
    pub(super) traces: Vec<(u64, Place)>,
}

/// The half of a trace's id that it is found by.
pub(super) fn trace_key(id: &str) -> Option<u64> {
    u64::from_str_radix(id.get(..16)?, 16).ok()
}

impl Index {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut into = Vec::new();
        into.put_varint(self.streams.len() as u64);
        for labels in &self.streams {
            into.put_varint(labels.len() as u64);
            for (name, value) in labels {
                into.put_bytes(name.as_bytes());
                into.put_bytes(value.as_bytes());
            }
        }
        into.put_varint(self.blocks.len() as u64);
        for block in &self.blocks {
            block.place.put(&mut into);
            block.filter.put(&mut into);
            into.put_signed(block.min_ns);
            into.put_signed(block.max_ns);
            into.put_varint(u64::from(block.streams.0));
            into.put_varint(u64::from(block.streams.1));
        }
        into.put_varint(self.traces.len() as u64);
        for (first, place) in &self.traces {
            into.put_u64(*first);
            place.put(&mut into);
        }
        into
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Take(bytes);
        let narrow = |value: u64| u32::try_from(value).map_err(|_| Malformed);
        let mut streams = Vec::new();
        for _ in 0..from.count(1)? {
            let mut labels = StreamLabels::new();
            for _ in 0..from.count(2)? {
                labels.push((from.str()?.to_owned(), from.str()?.to_owned()));
            }
            streams.push(labels);
        }
        let mut blocks = Vec::new();
        for _ in 0..from.count(10)? {
            blocks.push(BlockEntry {
                place: Place::take(&mut from)?,
                filter: Place::take(&mut from)?,
                min_ns: from.signed()?,
                max_ns: from.signed()?,
                streams: (narrow(from.varint()?)?, narrow(from.varint()?)?),
            });
        }
        let mut traces = Vec::new();
        for _ in 0..from.count(11)? {
            traces.push((from.u64()?, Place::take(&mut from)?));
        }
        Ok(Index {
            streams,
            blocks,
            traces,
        })
    }
}

/// Blocks that have events of this trace, of a part of the trace index.
pub(super) fn blocks_of(part: &[u8], key: u64) -> Result<Vec<u32>, Malformed> {
    let mut from = Take(part);
    let mut blocks = Vec::new();
    while !from.is_empty() {
        let (trace, block) = (from.u64()?, from.u32()?);
        if trace == key {
            blocks.push(block);
        }
    }
    Ok(blocks)
}
