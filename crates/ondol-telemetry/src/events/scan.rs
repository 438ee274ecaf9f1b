//! Events for which everything holds, each once and in no order, without holding the engine: for counts and sums over
//! many of them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ondol_query::Labels;

use super::block::Block;
use super::condition::{keep, needed_tokens};
use super::engine::Events;
use super::filter::may_have;
use super::head::StreamLabels;
use super::search::{Found, Query, labels_of, stream_passes};
use super::segment::{BlockEntry, Index};
use crate::bytes::Malformed;
use crate::store::{Cache, SegmentReader, StoreError};

/// A look at all events that were there when it began. It goes on while others write.
pub struct Scan {
    query: Query,
    head: Vec<Found>,
    readers: Vec<(u64, Arc<SegmentReader>)>,
    cache: Arc<Cache>,
    bytes_max: u64,
}

/// An event that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Labels of its stream.
    pub stream: &'a Labels,
    /// Its moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// Name and value of its fields that are wanted, perhaps of others.
    pub fields: &'a [(&'a str, Cow<'a, str>)],
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

impl Events {
    /// Begins a look at all events of a query; its limit does not count.
    ///
    /// # Errors
    ///
    /// When what is in memory cannot be looked at.
    pub fn begin_scan(&self, query: Query) -> Result<Scan, StoreError> {
        let everything = Query {
            limit: usize::MAX,
            ..query
        };
        Ok(Scan {
            head: self.find_in_head(&everything),
            readers: self.readers_of(&everything),
            query: everything,
            cache: self.cache.clone(),
            bytes_max: self.config.query_bytes_max,
        })
    }

    /// Segments that may have something in the time of a query, and how many events they have.
    fn readers_of(&self, query: &Query) -> Vec<(u64, Arc<SegmentReader>)> {
        let ms = |ns: i64| ns.div_euclid(1_000_000);
        let in_time = (self.segments.facts())
            .filter(|facts| facts.min_ms <= ms(query.end_ns) && facts.max_ms >= ms(query.start_ns));
        in_time
            .filter_map(|facts| Some((facts.items, self.segments.reader(facts.number)?.clone())))
            .collect()
    }

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
        let in_time = query.start_ns..=query.end_ns;
        let mut there = vec![false; self.head.streams.all.len()];
        for entry in self.head.entries() {
            if let (true, Some(there)) = (
                in_time.contains(&entry.at_ns),
                there.get_mut(entry.stream as usize),
            ) {
                *there = true;
                extent.events += 1;
            }
        }
        for (labels, there) in self.head.streams.all.iter().zip(there) {
            if there && stream_passes(labels, query) {
                each(labels);
            }
        }
        if extent.events > 0 {
            extent.bytes += self.head.bytes() as u64;
            extent.blocks += 1;
        }
        for (events, reader) in self.readers_of(query) {
            let index = index_of(&reader, &self.cache)?;
            let raw_len = |entry: &BlockEntry| u64::from(entry.place.raw_len);
            let all_bytes: u64 = index.blocks.iter().map(raw_len).sum();
            let of_block = |entry: &BlockEntry| entry.streams.0 as usize..=entry.streams.1 as usize;
            for entry in &index.blocks {
                if !is_in_time(entry, query) {
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
                let share = u128::from(events) * u128::from(raw_len(entry));
                extent.events += (share / u128::from(all_bytes.max(1))) as u64;
            }
        }
        Ok(extent)
    }
}

fn index_of(reader: &SegmentReader, cache: &Cache) -> Result<Index, StoreError> {
    let bytes = reader.index(cache)?;
    Index::parse(&bytes).map_err(|Malformed| reader.broken())
}

fn is_in_time(entry: &BlockEntry, query: &Query) -> bool {
    entry.min_ns <= query.end_ns && entry.max_ns >= query.start_ns
}

impl Scan {
    /// Gives every event to `visit`, with those of its fields that are `wanted`, until it has enough.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read, or more than the configured bytes would have to be.
    pub fn run(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        for found in &self.head {
            let fields = found.fields.iter();
            let fields: Vec<(&str, Cow<'_, str>)> = fields
                .map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str())))
                .collect();
            let seen = Seen {
                stream: &found.stream,
                at_ns: found.at_ns,
                fields: &fields,
            };
            if visit(seen).is_break() {
                return Ok(());
            }
        }
        let needed: Vec<u64> = self
            .query
            .conditions
            .iter()
            .flat_map(needed_tokens)
            .collect();
        let mut bytes = 0;
        for (_, reader) in &self.readers {
            let index = index_of(reader, &self.cache)?;
            let passing: Vec<Option<Labels>> = (index.streams.iter())
                .map(|labels| stream_passes(labels, &self.query).then(|| labels_of(labels)))
                .collect();
            for entry in &index.blocks {
                let streams = passing.get(entry.streams.0 as usize..=entry.streams.1 as usize);
                let may = is_in_time(entry, &self.query)
                    && streams.is_some_and(|streams| streams.iter().any(Option::is_some));
                if !may {
                    continue;
                }
                if !needed.is_empty() {
                    let filter = reader.block(entry.filter, &self.cache)?;
                    if !needed.iter().all(|hash| may_have(&filter, *hash)) {
                        continue;
                    }
                }
                bytes += u64::from(entry.place.raw_len);
                if bytes > self.bytes_max {
                    return Err(StoreError::TooMuch {
                        bytes_max: self.bytes_max,
                    });
                }
                let block = reader.read(entry.place)?;
                let flow = self.block(&block, &passing, wanted, visit);
                if flow.map_err(|Malformed| reader.broken())?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn block(
        &self,
        bytes: &[u8],
        passing: &[Option<Labels>],
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Malformed> {
        let conditions = &self.query.conditions;
        let tested = |name: &str| conditions.iter().any(|condition| condition.field == name);
        let block = Block::parse(bytes, |name| tested(name) || wanted(name))?;
        let in_time = self.query.start_ns..=self.query.end_ns;
        let streams = block
            .streams
            .iter()
            .flat_map(|(stream, count)| std::iter::repeat_n(*stream as usize, *count));
        let labels: Vec<Option<&Labels>> = streams
            .map(|stream| passing.get(stream).and_then(Option::as_ref))
            .collect();
        let mut rows: Vec<bool> = (labels.iter().zip(&block.times))
            .map(|(labels, at_ns)| labels.is_some() && in_time.contains(at_ns))
            .collect();
        for condition in conditions {
            keep(&mut rows, block.column(&condition.field), condition);
            if !rows.contains(&true) {
                return Ok(ControlFlow::Continue(()));
            }
        }
        let mut fields = Vec::new();
        for (row, (labels, at_ns)) in labels.iter().zip(&block.times).enumerate() {
            let (Some(true), Some(labels)) = (rows.get(row), labels) else {
                continue;
            };
            fields.clear();
            fields.extend(block.fields(row));
            let seen = Seen {
                stream: labels,
                at_ns: *at_ns,
                fields: &fields,
            };
            if visit(seen).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
