//! Segments of events.
//!
//! ```text
//! blocks    columns of events, packed one by one
//! filters   one for each block, each on its own: a search reads these first
//! traces    sorted: first half of a trace's id, and a block that has events of it
//! index     streams, and of each block: where it is, its filter, its times, its streams
//! ```

use std::collections::BTreeSet;

use super::TRACE_ID;
use super::block::{self, Row};
use super::filter;
use super::head::{Entry, Head, StreamLabels};
use crate::bytes::{Malformed, Put, Take};
use crate::store::{Block as Place, SegmentWriter, StoreError};

/// A block is closed when its events have so many bytes,
const BLOCK_BYTES: usize = 256 << 10;
/// or are so many.
const BLOCK_ROWS: usize = 16 << 10;
const PACK_LEVEL: i32 = 1;
/// Traces of one part of their index.
const TRACES_PART: usize = 8192;

/// What is known of a block without reading it.
pub(super) struct BlockEntry {
    pub(super) place: Place,
    pub(super) filter: Place,
    pub(super) min_ns: i64,
    pub(super) max_ns: i64,
    /// First and last of its streams.
    pub(super) streams: (u32, u32),
}

/// The index of a segment.
pub(super) struct Index {
    pub(super) streams: Vec<StreamLabels>,
    pub(super) blocks: Vec<BlockEntry>,
    /// First key of each part of the trace index, and where it is.
    pub(super) traces: Vec<(u64, Place)>,
}

/// Writes all events in memory; returns the index.
pub(super) fn seal(head: &Head, writer: &mut SegmentWriter) -> Result<Vec<u8>, StoreError> {
    let mut order: Vec<(usize, &StreamLabels)> = head.streams.all.iter().enumerate().collect();
    order.sort_by_key(|(_, labels)| *labels);
    let mut rank = vec![0_u32; order.len()];
    for (new, (old, _)) in order.iter().enumerate() {
        if let Some(rank) = rank.get_mut(*old) {
            *rank = new as u32;
        }
    }
    let rank_of = |stream: u32| rank.get(stream as usize).copied().unwrap_or(u32::MAX);
    let mut entries: Vec<Entry> = head.entries().to_vec();
    entries.sort_by_key(|entry| (rank_of(entry.stream), entry.at_ns));
    let mut index = Index {
        streams: order.iter().map(|(_, labels)| (*labels).clone()).collect(),
        blocks: Vec::new(),
        traces: Vec::new(),
    };
    let mut traces = BTreeSet::new();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        let fields = head.fields(entry);
        bytes += fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        rows.push(Row {
            stream: rank_of(entry.stream),
            at_ns: entry.at_ns,
            fields,
        });
        if bytes >= BLOCK_BYTES || rows.len() >= BLOCK_ROWS {
            index.add(&rows, writer, &mut traces)?;
            rows.clear();
            bytes = 0;
        }
    }
    if !rows.is_empty() {
        index.add(&rows, writer, &mut traces)?;
    }
    let traces: Vec<(u64, u32)> = traces.into_iter().collect();
    for part in traces.chunks(TRACES_PART) {
        let mut raw = Vec::with_capacity(part.len() * 12);
        for (trace, block) in part {
            raw.put_u64(*trace);
            raw.put_u32(*block);
        }
        let first = part.first().map_or(0, |(trace, _)| *trace);
        index.traces.push((first, writer.block(&raw, PACK_LEVEL)?));
    }
    Ok(index.encode())
}

/// The half of a trace's id that it is found by.
pub(super) fn trace_key(id: &str) -> Option<u64> {
    u64::from_str_radix(id.get(..16)?, 16).ok()
}

impl Index {
    fn add(
        &mut self,
        rows: &[Row<'_>],
        writer: &mut SegmentWriter,
        traces: &mut BTreeSet<(u64, u32)>,
    ) -> Result<(), StoreError> {
        let place = writer.block(&block::encode(rows), PACK_LEVEL)?;
        let mut hashes = Vec::new();
        for (name, value) in rows.iter().flat_map(|row| &row.fields) {
            if *name == TRACE_ID {
                // It has an index of its own.
                traces.extend(trace_key(value).map(|key| (key, self.blocks.len() as u32)));
                continue;
            }
            hashes.extend(filter::tokens(value.as_bytes()).map(filter::token_hash));
        }
        hashes.sort_unstable();
        hashes.dedup();
        let filter = writer.block(&filter::build(&hashes), PACK_LEVEL)?;
        let times = || rows.iter().map(|row| row.at_ns);
        let stream = |row: Option<&Row<'_>>| row.map_or(0, |row| row.stream);
        self.blocks.push(BlockEntry {
            place,
            filter,
            min_ns: times().min().unwrap_or(0),
            max_ns: times().max().unwrap_or(0),
            streams: (stream(rows.first()), stream(rows.last())),
        });
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
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
