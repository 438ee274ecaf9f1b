//! Events to a segment: from memory, or from smaller segments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::TRACE_ID;
use super::block::{self, Block, Row};
use super::filter;
use super::head::StreamLabels;
use super::memory::Memory;
use super::segment::{BlockEntry, Index, trace_key};
use crate::bytes::{Malformed, Put};
use crate::store::{Cache, SegmentReader, SegmentWriter, StoreError};

/// A block is closed when its events have so many bytes,
const BLOCK_BYTES: usize = 256 << 10;
/// or so many where they are of traces: who follows a trace reads many blocks for an event of each,
const TRACE_BLOCK_BYTES: usize = 96 << 10;
/// or are so many.
const BLOCK_ROWS: usize = 16 << 10;
/// For what is written at once, and for what is written to stay.
const PACK_LEVEL: i32 = 1;
const MERGED_PACK_LEVEL: i32 = 7;
/// Traces of one part of their index.
const TRACES_PART: usize = 8192;

/// Writes all events in memory; returns the index.
pub(super) fn seal(memory: &Memory, writer: &mut SegmentWriter) -> Result<Vec<u8>, StoreError> {
    let streams: BTreeSet<&StreamLabels> = memory.streams.iter().map(Arc::as_ref).collect();
    let streams: Vec<StreamLabels> = streams.into_iter().cloned().collect();
    let ranks: Vec<u32> = (memory.streams.iter())
        .map(|labels| rank_of(&streams, labels))
        .collect();
    let mut entries = Vec::with_capacity(memory.len());
    for chunk in &memory.chunks {
        let ranked = chunk.entries.iter().map(|entry| {
            let rank = ranks.get(entry.stream as usize).copied();
            (rank.unwrap_or(u32::MAX), chunk, *entry)
        });
        entries.extend(ranked);
    }
    entries.sort_by_key(|(rank, _, entry)| (*rank, entry.at_ns));
    let mut builder = Builder::new(streams, writer, PACK_LEVEL);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (stream, chunk, entry) in entries {
        let mut fields = Vec::new();
        memory.fields(chunk, entry, &mut fields);
        bytes += bytes_of(&fields);
        let bytes_max = block_bytes(fields.iter().map(|(name, _)| *name));
        rows.push(Row {
            stream,
            at_ns: entry.at_ns,
            fields,
        });
        if bytes >= bytes_max || rows.len() >= BLOCK_ROWS {
            builder.add(&rows)?;
            rows.clear();
            bytes = 0;
        }
    }
    builder.add(&rows)?;
    builder.finish()
}

/// Bytes of a block whose last event has fields of these names: what the last one is, most of them are.
fn block_bytes<'n>(mut names: impl Iterator<Item = &'n str>) -> usize {
    match names.any(|name| name == TRACE_ID) {
        true => TRACE_BLOCK_BYTES,
        false => BLOCK_BYTES,
    }
}

/// Writes what is in all of `readers`; returns the index. Of each, one block is in memory at a time.
pub(super) fn merge(
    readers: &[Arc<SegmentReader>],
    cache: &Cache,
    writer: &mut SegmentWriter,
) -> Result<Vec<u8>, StoreError> {
    let mut inputs = Vec::new();
    for reader in readers {
        let bytes = reader.index(cache)?;
        let index = Index::parse(&bytes).map_err(|Malformed| reader.broken())?;
        inputs.push(Input {
            reader,
            index,
            next: 0,
            rows: VecDeque::new(),
        });
    }
    let streams: BTreeSet<&StreamLabels> = inputs
        .iter()
        .flat_map(|input| &input.index.streams)
        .collect();
    let streams: Vec<StreamLabels> = streams.into_iter().cloned().collect();
    let mut builder = Builder::new(streams.clone(), writer, MERGED_PACK_LEVEL);
    let (mut rows, mut bytes): (Vec<Owned>, usize) = (Vec::new(), 0);
    loop {
        for input in &mut inputs {
            input.fill(&streams)?;
        }
        let first = |input: &Input<'_>| input.rows.front().map(|row| (row.stream, row.at_ns));
        let least = (0..inputs.len())
            .filter_map(|at| Some((first(inputs.get(at)?)?, at)))
            .min();
        let row = least.and_then(|(_, at)| inputs.get_mut(at)?.rows.pop_front());
        let fields = row.iter().flat_map(|row| &row.fields);
        bytes += fields
            .clone()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        let bytes_max = block_bytes(fields.map(|(name, _)| name.as_str()));
        let is_last = row.is_none();
        rows.extend(row);
        if is_last || bytes >= bytes_max || rows.len() >= BLOCK_ROWS {
            builder.add(&rows.iter().map(Owned::row).collect::<Vec<_>>())?;
            rows.clear();
            bytes = 0;
        }
        if is_last {
            return builder.finish();
        }
    }
}

/// A segment that is read from its first block to its last.
struct Input<'a> {
    reader: &'a SegmentReader,
    index: Index,
    next: usize,
    rows: VecDeque<Owned>,
}

/// An event between two segments.
struct Owned {
    stream: u32,
    at_ns: i64,
    fields: Vec<(String, String)>,
}

impl Owned {
    fn row(&self) -> Row<'_> {
        Row {
            stream: self.stream,
            at_ns: self.at_ns,
            fields: self
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

impl Input<'_> {
    /// Reads the next block once all events of the one before are gone.
    fn fill(&mut self, streams: &[StreamLabels]) -> Result<(), StoreError> {
        let Some(entry) = self
            .index
            .blocks
            .get(self.next)
            .filter(|_| self.rows.is_empty())
        else {
            return Ok(());
        };
        self.next += 1;
        let bytes = self.reader.read(entry.place)?;
        let block = Block::parse(&bytes, |_| true).map_err(|Malformed| self.reader.broken())?;
        let of_rows = block
            .streams
            .iter()
            .flat_map(|(stream, count)| std::iter::repeat_n(*stream, *count));
        for ((row, stream), at_ns) in of_rows.enumerate().zip(&block.times) {
            let labels = self
                .index
                .streams
                .get(stream as usize)
                .ok_or_else(|| self.reader.broken())?;
            let fields = block
                .fields(row)
                .map(|(name, value)| (name.to_owned(), value.into_owned()));
            self.rows.push_back(Owned {
                stream: rank_of(streams, labels),
                at_ns: *at_ns,
                fields: fields.collect(),
            });
        }
        Ok(())
    }
}

/// The place of a stream among all, which are sorted.
fn rank_of(streams: &[StreamLabels], labels: &StreamLabels) -> u32 {
    streams
        .binary_search(labels)
        .map_or(u32::MAX, |place| place as u32)
}

fn bytes_of(fields: &[(&str, &str)]) -> usize {
    fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

/// A segment in the making.
struct Builder<'w> {
    index: Index,
    /// First half of a trace's id, and a block that has events of it.
    traces: BTreeMap<u64, Vec<u32>>,
    writer: &'w mut SegmentWriter,
    level: i32,
}

impl<'w> Builder<'w> {
    fn new(streams: Vec<StreamLabels>, writer: &'w mut SegmentWriter, level: i32) -> Self {
        let index = Index {
            streams,
            blocks: Vec::new(),
            traces: Vec::new(),
        };
        Builder {
            index,
            traces: BTreeMap::new(),
            writer,
            level,
        }
    }

    /// Adds a block; rows come in the order of their streams and moments.
    fn add(&mut self, rows: &[Row<'_>]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let number = self.index.blocks.len() as u32;
        let place = self.writer.block(&block::encode(rows), self.level)?;
        let mut hashes = Vec::new();
        for (name, value) in rows.iter().flat_map(|row| &row.fields) {
            if *name != TRACE_ID {
                hashes.extend(filter::tokens(value.as_bytes()).map(filter::token_hash));
            } else if let Some(key) = trace_key(value) {
                let blocks = self.traces.entry(key).or_default();
                if blocks.last() != Some(&number) {
                    blocks.push(number);
                }
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        let filter = self.writer.block(&filter::build(&hashes), PACK_LEVEL)?;
        let times = || rows.iter().map(|row| row.at_ns);
        self.index.blocks.push(BlockEntry {
            place,
            filter,
            min_ns: times().min().unwrap_or(first.at_ns),
            max_ns: times().max().unwrap_or(last.at_ns),
            streams: (first.stream, last.stream),
        });
        Ok(())
    }

    /// The index.
    fn finish(mut self) -> Result<Vec<u8>, StoreError> {
        let pairs = self
            .traces
            .iter()
            .flat_map(|(key, blocks)| blocks.iter().map(|block| (*key, *block)));
        let pairs: Vec<(u64, u32)> = pairs.collect();
        for part in pairs.chunks(TRACES_PART) {
            let mut raw = Vec::with_capacity(part.len() * 12);
            for (trace, block) in part {
                raw.put_u64(*trace);
                raw.put_u32(*block);
            }
            let first = part.first().map_or(0, |(trace, _)| *trace);
            self.index
                .traces
                .push((first, self.writer.block(&raw, PACK_LEVEL)?));
        }
        Ok(self.index.encode())
    }
}
