//! What is there at one moment: memory as it was then, and segments, which never change.

use std::collections::BTreeSet;
use std::sync::Arc;

use ondol_query::Labels;

use super::head::StreamLabels;
use super::memory::Memory;
use super::search::{Query, labels_of, stream_passes};
use super::segment::{BlockEntry, Index};
use crate::bytes::Malformed;
use crate::store::{Cache, SegmentFacts, SegmentReader, StoreError};

/// All events that were there when it was taken. Cheap to clone; nobody waits for those who search in it.
#[derive(Clone)]
pub struct EventView {
    /// The oldest first.
    pub(super) memories: Vec<Memory>,
    pub(super) segments: Vec<(SegmentFacts, Arc<SegmentReader>)>,
    pub(super) cache: Arc<Cache>,
    pub(super) bytes_max: u64,
}

/// How much there is, about: known from indexes, without reading events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Streams.
    pub streams: u64,
    /// Blocks.
    pub blocks: u64,
    /// Their bytes, not packed.
    pub bytes: u64,
    /// Events.
    pub events: u64,
}

impl EventView {
    /// Streams that may have events in the time and pass the matchers of a query; conditions do not count.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read.
    pub fn streams(&self, query: &Query) -> Result<BTreeSet<Labels>, StoreError> {
        let mut found = BTreeSet::new();
        self.extent_of(query, &mut |labels| {
            found.insert(labels_of(labels));
        })?;
        Ok(found)
    }

    /// How much there is, about; conditions do not count.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read.
    pub fn extent(&self, query: &Query) -> Result<Extent, StoreError> {
        let mut streams = BTreeSet::new();
        let mut extent = self.extent_of(query, &mut |labels| {
            streams.insert(labels.clone());
        })?;
        extent.streams = streams.len() as u64;
        Ok(extent)
    }

    fn extent_of(
        &self,
        query: &Query,
        each: &mut dyn FnMut(&StreamLabels),
    ) -> Result<Extent, StoreError> {
        let mut extent = Extent::default();
        for memory in &self.memories {
            memory_extent(memory, query, &mut extent, each);
        }
        for (facts, reader) in self.segments_of(query) {
            let index = self.index(reader)?;
            let raw_len = |entry: &BlockEntry| u64::from(entry.place.raw_len);
            let all_bytes: u64 = index.blocks.iter().map(raw_len).sum();
            let of_block = |entry: &BlockEntry| entry.streams.0 as usize..=entry.streams.1 as usize;
            for entry in &index.blocks {
                if !entry.is_in_time(query) {
                    continue;
                }
                let streams = index.streams.get(of_block(entry)).unwrap_or_default();
                let mut passing = streams.iter().filter(|labels| stream_passes(labels, query));
                let Some(first) = passing.next() else {
                    continue;
                };
                each(first);
                passing.for_each(&mut *each);
                extent.blocks += 1;
                extent.bytes += raw_len(entry);
                // As many as a block's share of the bytes.
                let share = u128::from(facts.items) * u128::from(raw_len(entry));
                extent.events += (share / u128::from(all_bytes.max(1))) as u64;
            }
        }
        Ok(extent)
    }

    /// Segments that may have something in the time of a query.
    pub(super) fn segments_of(
        &self,
        query: &Query,
    ) -> impl Iterator<Item = &(SegmentFacts, Arc<SegmentReader>)> {
        let ms = |ns: i64| ns.div_euclid(1_000_000);
        let (start_ms, end_ms) = (ms(query.start_ns), ms(query.end_ns));
        (self.segments.iter())
            .filter(move |(facts, _)| facts.min_ms <= end_ms && facts.max_ms >= start_ms)
    }

    pub(super) fn index(&self, reader: &SegmentReader) -> Result<Index, StoreError> {
        let bytes = reader.index(&self.cache)?;
        Index::parse(&bytes).map_err(|Malformed| reader.broken())
    }
}

fn memory_extent(
    memory: &Memory,
    query: &Query,
    extent: &mut Extent,
    each: &mut dyn FnMut(&StreamLabels),
) {
    let in_time = query.start_ns..=query.end_ns;
    let (mut there, mut events) = (vec![false; memory.streams.len()], 0);
    for entry in memory.chunks.iter().flat_map(|chunk| &chunk.entries) {
        if let (true, Some(there)) = (
            in_time.contains(&entry.at_ns),
            there.get_mut(entry.stream as usize),
        ) {
            *there = true;
            events += 1;
        }
    }
    for (labels, there) in memory.streams.iter().zip(there) {
        if there && stream_passes(labels, query) {
            each(labels);
        }
    }
    if events > 0 {
        extent.events += events;
        extent.bytes += memory.bytes() as u64;
        extent.blocks += 1;
    }
}
