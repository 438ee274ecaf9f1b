//! Events for which everything holds, each once and in no order: for counts and sums over many of them.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ondol_query::Labels;

use super::block::Block;
use super::condition::{holds_for_all, keep, needed_tokens};
use super::filter::may_have;
use super::head::StreamLabels;
use super::memory::Memory;
use super::search::{Query, labels_of, stream_passes};
use super::view::EventView;
use crate::bytes::Malformed;
use crate::store::{SegmentReader, StoreError};

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

/// What is looked for, and who looks.
struct Scan<'a> {
    query: &'a Query,
    wanted: &'a dyn Fn(&str) -> bool,
    visit: &'a mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
}

impl EventView {
    /// Gives every event of a query to `visit`, with those of its fields that are `wanted`, until it has enough; the
    /// limit of the query does not count.
    ///
    /// # Errors
    ///
    /// When a segment cannot be read, or more than the configured bytes would have to be.
    pub fn scan(
        &self,
        query: &Query,
        wanted: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut scan = Scan {
            query,
            wanted,
            visit,
        };
        for memory in &self.memories {
            if scan.memory(memory).is_break() {
                return Ok(());
            }
        }
        let needed: Vec<u64> = query.conditions.iter().flat_map(needed_tokens).collect();
        let mut bytes = 0;
        for (_, reader) in self.segments_of(query) {
            if self
                .scan_segment(reader, &needed, &mut bytes, &mut scan)?
                .is_break()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn scan_segment(
        &self,
        reader: &SegmentReader,
        needed: &[u64],
        bytes: &mut u64,
        scan: &mut Scan<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let index = self.index(reader)?;
        let passing = passing(index.streams.iter(), scan.query);
        for entry in &index.blocks {
            let streams = passing.get(entry.streams.0 as usize..=entry.streams.1 as usize);
            let may = entry.is_in_time(scan.query)
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
            *bytes += u64::from(entry.place.raw_len);
            if *bytes > self.bytes_max {
                return Err(StoreError::TooMuch {
                    bytes_max: self.bytes_max,
                });
            }
            // Not through the cache: a scan would turn all of it over.
            let block = reader.read(entry.place)?;
            let flow = scan.block(&block, &passing);
            if flow.map_err(|Malformed| reader.broken())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Labels of the streams that pass, by their numbers.
fn passing<'a>(
    streams: impl Iterator<Item = &'a StreamLabels>,
    query: &Query,
) -> Vec<Option<Labels>> {
    streams
        .map(|labels| stream_passes(labels, query).then(|| labels_of(labels)))
        .collect()
}

impl Scan<'_> {
    fn memory(&mut self, memory: &Memory) -> ControlFlow<()> {
        let passing = passing(memory.streams.iter().map(AsRef::as_ref), self.query);
        let in_time = self.query.start_ns..=self.query.end_ns;
        let (mut fields, mut given) = (Vec::new(), Vec::new());
        for chunk in &memory.chunks {
            for entry in &chunk.entries {
                let labels = passing.get(entry.stream as usize).and_then(Option::as_ref);
                let Some(stream) = labels.filter(|_| in_time.contains(&entry.at_ns)) else {
                    continue;
                };
                memory.fields(chunk, *entry, &mut fields);
                if holds_for_all(&self.query.conditions, &fields) {
                    given.clear();
                    given.extend(
                        fields
                            .iter()
                            .map(|(name, value)| (*name, Cow::Borrowed(*value))),
                    );
                    (self.visit)(Seen {
                        stream,
                        at_ns: entry.at_ns,
                        fields: &given,
                    })?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn block(
        &mut self,
        bytes: &[u8],
        passing: &[Option<Labels>],
    ) -> Result<ControlFlow<()>, Malformed> {
        let conditions = &self.query.conditions;
        let tested = |name: &str| conditions.iter().any(|condition| condition.field == name);
        let block = Block::parse(bytes, |name| tested(name) || (self.wanted)(name))?;
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
            if (self.visit)(seen).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
