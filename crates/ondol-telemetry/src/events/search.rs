//! Searches: the newest first, block by block, until there is enough.

use std::sync::Arc;

use ondol_query::{Labels, Matcher};

use super::TRACE_ID;
use super::block::Block;
use super::condition::{Condition, Test, holds_for_all, keep, needed_tokens};
use super::filter::may_have;
use super::head::StreamLabels;
use super::memory::Memory;
use super::segment::{BlockEntry, Index, blocks_of, trace_key};
use super::view::EventView;
use crate::bytes::Malformed;
use crate::store::{SegmentReader, StoreError};

/// What is looked for. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// On the labels of the stream.
    pub streams: Vec<Matcher>,
    /// On the fields.
    pub conditions: Vec<Condition>,
    /// First nanosecond, included.
    pub start_ns: i64,
    /// Last nanosecond, included.
    pub end_ns: i64,
    /// The newest so many.
    pub limit: usize,
    /// The oldest so many instead, and the oldest first.
    pub oldest_first: bool,
}

impl Query {
    /// What comes first has the higher rank.
    fn rank(&self, at_ns: i64) -> i64 {
        if self.oldest_first { !at_ns } else { at_ns }
    }

    /// The highest rank that something between these two moments may have.
    fn best(&self, min_ns: i64, max_ns: i64) -> i64 {
        self.rank(if self.oldest_first { min_ns } else { max_ns })
    }
}

/// An event that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Labels of its stream.
    pub stream: Labels,
    /// Its moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// Name and value of its fields, in memory in the order in which they came, from a segment sorted by name.
    pub fields: Vec<(String, String)>,
}

impl EventView {
    /// The events for which everything holds, the newest first, or the oldest.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read, or more than the configured bytes would have to be.
    pub fn search(&self, query: &Query) -> Result<Vec<Found>, StoreError> {
        let mut hits = Hits::new(query);
        self.memories
            .iter()
            .rev()
            .for_each(|memory| search_memory(memory, query, &mut hits));
        let mut candidates: Vec<(i64, &Arc<SegmentReader>)> = Vec::new();
        for (facts, reader) in self.segments_of(query) {
            // To the end of its last millisecond.
            let ns = |ms: i64| ms.saturating_mul(1_000_000);
            let best = query.best(ns(facts.min_ms), ns(facts.max_ms).saturating_add(999_999));
            candidates.push((best, reader));
        }
        candidates.sort_by_key(|(best, _)| std::cmp::Reverse(*best));
        for (best, reader) in candidates {
            hits.settle();
            if hits.is_enough(best) {
                break;
            }
            self.search_segment(reader, query, &mut hits)?;
        }
        Ok(hits.finish())
    }

    /// All events of a trace, the oldest first. `id` is 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read, or more than the configured bytes would have to be.
    pub fn trace(&self, id: &str) -> Result<Vec<Found>, StoreError> {
        let Some(key) = trace_key(id) else {
            return Ok(Vec::new());
        };
        let condition = Condition {
            field: TRACE_ID.to_owned(),
            test: Test::Equals(id.to_owned()),
            negated: false,
        };
        let query = Query {
            conditions: vec![condition],
            start_ns: i64::MIN,
            end_ns: i64::MAX,
            limit: usize::MAX,
            ..Query::default()
        };
        let mut hits = Hits::new(&query);
        for memory in &self.memories {
            search_memory(memory, &query, &mut hits);
        }
        for (_, reader) in &self.segments {
            let index = self.index(reader)?;
            let after = index.traces.partition_point(|(first, _)| *first <= key);
            // A trace that begins at the end of one part may go on in the next; its key is then the first there.
            let from = index
                .traces
                .partition_point(|(first, _)| *first < key)
                .saturating_sub(1);
            for (_, place) in index.traces.get(from..after).unwrap_or_default() {
                let part = reader.block(*place, &self.cache)?;
                let blocks = blocks_of(&part, key).map_err(|Malformed| reader.broken())?;
                for block in blocks {
                    if let Some(entry) = index.blocks.get(block as usize) {
                        self.search_block(reader, &index, entry, &query, &mut hits)?;
                    }
                }
            }
        }
        let mut found = hits.finish();
        found.reverse();
        Ok(found)
    }

    fn search_segment(
        &self,
        reader: &SegmentReader,
        query: &Query,
        hits: &mut Hits<'_>,
    ) -> Result<(), StoreError> {
        let index = self.index(reader)?;
        let pass: Vec<bool> = index
            .streams
            .iter()
            .map(|labels| stream_passes(labels, query))
            .collect();
        let needed: Vec<u64> = query.conditions.iter().flat_map(needed_tokens).collect();
        let mut blocks: Vec<&BlockEntry> = index.blocks.iter().collect();
        let best = |block: &BlockEntry| query.best(block.min_ns, block.max_ns);
        blocks.sort_by_key(|block| std::cmp::Reverse(best(block)));
        for entry in blocks {
            hits.settle();
            if hits.is_enough(best(entry)) {
                return Ok(());
            }
            let streams = pass.get(entry.streams.0 as usize..=entry.streams.1 as usize);
            let may =
                entry.is_in_time(query) && streams.is_some_and(|streams| streams.contains(&true));
            if !may {
                continue;
            }
            if !needed.is_empty() {
                let filter = reader.block(entry.filter, &self.cache)?;
                if !needed.iter().all(|hash| may_have(&filter, *hash)) {
                    continue;
                }
            }
            self.search_block(reader, &index, entry, query, hits)?;
        }
        Ok(())
    }

    fn search_block(
        &self,
        reader: &SegmentReader,
        index: &Index,
        entry: &BlockEntry,
        query: &Query,
        hits: &mut Hits<'_>,
    ) -> Result<(), StoreError> {
        hits.bytes += u64::from(entry.place.raw_len);
        let bytes_max = self.bytes_max;
        if hits.bytes > bytes_max {
            return Err(StoreError::TooMuch { bytes_max });
        }
        // Not through the cache: a search would turn all of it over.
        let bytes = reader.read(entry.place)?;
        let malformed = |Malformed| reader.broken();
        let tested = |name: &str| {
            query
                .conditions
                .iter()
                .any(|condition| condition.field == name)
        };
        let block = Block::parse(&bytes, tested).map_err(malformed)?;
        let mut rows = vec![true; block.times.len()];
        let mut row = 0;
        for (stream, count) in &block.streams {
            let pass = index
                .streams
                .get(*stream as usize)
                .is_some_and(|labels| stream_passes(labels, query));
            for at_ns in block.times.get(row..row + count).unwrap_or_default() {
                let in_time = (query.start_ns..=query.end_ns).contains(at_ns);
                if let Some(place) = rows.get_mut(row) {
                    *place = pass && in_time && !hits.is_enough(query.rank(*at_ns));
                }
                row += 1;
            }
        }
        for condition in &query.conditions {
            keep(&mut rows, block.column(&condition.field), condition);
            if !rows.contains(&true) {
                return Ok(());
            }
        }
        let block = Block::parse(&bytes, |_| true).map_err(malformed)?;
        let streams = block
            .streams
            .iter()
            .flat_map(|(stream, count)| std::iter::repeat_n(*stream, *count));
        for (row, stream) in streams.enumerate() {
            let (true, Some(at_ns)) = (rows.get(row) == Some(&true), block.times.get(row)) else {
                continue;
            };
            let labels = index.streams.get(stream as usize);
            let fields = block
                .fields(row)
                .map(|(name, value)| (name.to_owned(), value.into_owned()));
            hits.add(Found {
                stream: labels.map(labels_of).unwrap_or_default(),
                at_ns: *at_ns,
                fields: fields.collect(),
            });
        }
        Ok(())
    }
}

/// The newest chunks first, or the oldest: where there is enough, the others need no look.
fn search_memory(memory: &Memory, query: &Query, hits: &mut Hits<'_>) {
    let passing: Vec<bool> = (memory.streams.iter())
        .map(|labels| stream_passes(labels, query))
        .collect();
    let mut chunks: Vec<_> = memory.chunks.iter().collect();
    chunks.sort_by_key(|chunk| std::cmp::Reverse(query.best(chunk.min_ns, chunk.max_ns)));
    let mut fields = Vec::new();
    for chunk in chunks {
        hits.settle();
        if hits.is_enough(query.best(chunk.min_ns, chunk.max_ns)) {
            return;
        }
        for entry in &chunk.entries {
            let in_time = (query.start_ns..=query.end_ns).contains(&entry.at_ns);
            if !in_time
                || passing.get(entry.stream as usize) != Some(&true)
                || hits.is_enough(query.rank(entry.at_ns))
            {
                continue;
            }
            memory.fields(chunk, *entry, &mut fields);
            if holds_for_all(&query.conditions, &fields) {
                let labels = memory.streams.get(entry.stream as usize);
                let owned =
                    |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
                hits.add(Found {
                    stream: labels.map(|labels| labels_of(labels)).unwrap_or_default(),
                    at_ns: entry.at_ns,
                    fields: fields.iter().map(owned).collect(),
                });
            }
        }
    }
}

pub(super) fn stream_passes(labels: &StreamLabels, query: &Query) -> bool {
    query.streams.iter().all(|matcher| {
        let label = labels.iter().find(|(name, _)| name == matcher.name());
        matcher.matches(label.map_or("", |(_, value)| value))
    })
}

pub(super) fn labels_of(labels: &StreamLabels) -> Labels {
    let pairs: Vec<(&str, &str)> = labels
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    Labels::of(&pairs)
}

/// What was found so far and comes first.
struct Hits<'q> {
    query: &'q Query,
    found: Vec<Found>,
    /// When there are enough: what comes later does not matter any more.
    floor: Option<i64>,
    /// What was unpacked for them.
    bytes: u64,
}

impl<'q> Hits<'q> {
    fn new(query: &'q Query) -> Self {
        Hits {
            query,
            found: Vec::new(),
            floor: (query.limit == 0).then_some(i64::MAX),
            bytes: 0,
        }
    }

    fn add(&mut self, found: Found) {
        self.found.push(found);
        // Twice as many are held at most, so that sorting is rare.
        if self.found.len() >= self.query.limit.saturating_mul(2).max(64) {
            self.settle();
        }
    }

    /// Whether an event of this rank comes too late to matter.
    fn is_enough(&self, rank: i64) -> bool {
        self.floor.is_some_and(|floor| rank < floor)
    }

    fn settle(&mut self) {
        let query = self.query;
        self.found
            .sort_by_key(|found| std::cmp::Reverse(query.rank(found.at_ns)));
        self.found.truncate(query.limit);
        if self.found.len() == query.limit {
            let last = self.found.last();
            self.floor = last.map_or(self.floor, |last| Some(query.rank(last.at_ns)));
        }
    }

    fn finish(mut self) -> Vec<Found> {
        self.settle();
        self.found
    }
}
