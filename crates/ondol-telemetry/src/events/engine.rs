//! The engine, opened, written to and kept in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::head::{Head, Told};
use super::memory::Memory;
use super::view::EventView;
use super::{Event, build};
use crate::disk::Disk;
use crate::samples::Opened;
use crate::shared::Engine;
use crate::store::{
    Cache, Done, Durability, Log, Retention, SegmentFacts, Segments, StoreError, Work,
};

/// Nothing is taken in beyond so many times the cap of memory: one head that is written, and one that fills meanwhile
/// and some more, where the disk is slow.
const HEADS_MAX: usize = 3;

/// How the engine keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventConfig {
    /// When a write is made to last.
    pub durability: Durability,
    /// How long it is kept.
    pub retention: Retention,
    /// Events in memory become a segment when they take so much,
    pub head_bytes_max: usize,
    /// or when the oldest is so old.
    pub head_ms_max: u64,
    /// Blocks of segments that stay in memory.
    pub cache_bytes_max: usize,
    /// Fields of an event; the rest is left out and counted.
    pub fields_max: usize,
    /// Bytes of a value; what is longer is cut and counted.
    pub value_bytes_max: usize,
    /// Bytes of events that one search may unpack.
    pub query_bytes_max: u64,
    /// Streams between two segments; events of further ones are refused and counted.
    pub streams_max: usize,
}

impl Default for EventConfig {
    fn default() -> Self {
        EventConfig {
            durability: Durability::Every { ms: 1000 },
            retention: Retention::default(),
            head_bytes_max: 5 << 20,
            head_ms_max: 2 * 3600 * 1000,
            cache_bytes_max: 4 << 20,
            fields_max: 256,
            value_bytes_max: 256 << 10,
            query_bytes_max: 2 << 30,
            streams_max: 20_000,
        }
    }
}

/// How the engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStatus {
    /// Events in memory.
    pub head_events: usize,
    /// Bytes of memory that they take.
    pub head_bytes: usize,
    /// Segments on the disk.
    pub segments: usize,
    /// Their bytes.
    pub segment_bytes: u64,
    /// Events in them.
    pub segment_events: u64,
    /// Fields that were left out because an event had too many.
    pub dropped_fields: u64,
    /// Values that were cut.
    pub cut_values: u64,
    /// Events that were refused because there were too many streams.
    pub refused_events: u64,
}

/// All log lines and spans of one node. One owner writes.
pub struct Events {
    pub(super) config: EventConfig,
    head: Head,
    frozen: Option<Frozen>,
    log: Log,
    segments: Segments,
    cache: Arc<Cache>,
    dropped_fields: u64,
    cut_values: u64,
    refused_events: u64,
}

/// A head that becomes a segment.
struct Frozen {
    memory: Memory,
    /// The first log file that has nothing of it.
    log_from: u64,
}

impl Events {
    /// Opens the engine on its folder, and brings back what was taken in before.
    ///
    /// # Errors
    ///
    /// When the disk fails, or the folder is from an Ondol that is newer than this one.
    pub fn open(disk: Arc<dyn Disk>, config: EventConfig) -> Result<(Self, Opened), StoreError> {
        let mut opened = Opened::default();
        let segments = Segments::open(disk.clone(), &mut opened.damages)?;
        let (mut head, mut told, mut file) = (Head::default(), Told::default(), 0);
        let log = Log::open(
            disk,
            config.durability,
            config.retention.free_bytes_min,
            segments.log_from(),
            &mut opened.damages,
            |number, record| {
                if std::mem::replace(&mut file, number) != number {
                    told = Told::default();
                }
                match head.apply(record, &mut told) {
                    Ok(events) => opened.replayed += events as u64,
                    Err(_) => opened.malformed += 1,
                }
            },
        );
        let events = Events {
            config,
            head,
            frozen: None,
            log: log?,
            segments,
            cache: Arc::new(Cache::new(config.cache_bytes_max)),
            dropped_fields: 0,
            cut_values: 0,
            refused_events: 0,
        };
        Ok((events, opened))
    }

    /// Takes in events; once it returned they are in the log.
    ///
    /// # Errors
    ///
    /// When nothing can be stored; none of them is taken then.
    pub fn push(&mut self, events: &[Event<'_>], now_ms: i64) -> Result<(), StoreError> {
        self.push_marked(events, &[], now_ms)
    }

    /// Takes in events together with marks, names with a text: how far their source was read, for one that is read
    /// again from there. Whatever happens, a mark is there exactly when the events before it are. An empty text takes a
    /// mark away.
    ///
    /// # Errors
    ///
    /// When nothing can be stored; neither events nor marks are taken then.
    pub fn push_marked(
        &mut self,
        events: &[Event<'_>],
        marks: &[(&str, &str)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let head_bytes = self.head_bytes() as u64;
        if head_bytes > self.config.head_bytes_max.saturating_mul(HEADS_MAX) as u64 {
            return Err(StoreError::Behind { head_bytes });
        }
        let is_bounded = |event: &Event<'_>| {
            let is_short = |(_, value): &(&str, &str)| value.len() <= self.config.value_bytes_max;
            event.fields.len() <= self.config.fields_max && event.fields.iter().all(is_short)
        };
        if self.head.streams() < self.config.streams_max && events.iter().all(is_bounded) {
            return self.write(events, marks, now_ms);
        }
        // Rare, so that it may cost a copy.
        let mut bounded: Vec<(&Event<'_>, Vec<(&str, &str)>)> = Vec::new();
        for event in events {
            if self.head.streams() >= self.config.streams_max && !self.head.has(event.stream) {
                self.refused_events += 1;
                continue;
            }
            let mut fields = Vec::new();
            for (name, value) in event.fields.iter().take(self.config.fields_max) {
                let end = value.floor_char_boundary(self.config.value_bytes_max);
                self.cut_values += u64::from(end < value.len());
                fields.push((*name, value.get(..end).unwrap_or_default()));
            }
            self.dropped_fields += (event.fields.len() - fields.len()) as u64;
            bounded.push((event, fields));
        }
        let bounded: Vec<Event<'_>> = bounded
            .iter()
            .map(|(event, fields)| Event { fields, ..**event })
            .collect();
        self.write(&bounded, marks, now_ms)
    }

    /// Makes everything that was taken in last, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn sync(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.log.sync(now_ms)
    }

    /// Everything that is there now, to search in while others write.
    pub fn view(&self) -> EventView {
        let frozen = self.frozen.iter().map(|frozen| frozen.memory.clone());
        EventView {
            memories: frozen.chain([self.head.memory()]).collect(),
            segments: (self.segments.facts())
                .filter_map(|facts| Some((*facts, self.segments.reader(facts.number)?.clone())))
                .collect(),
            cache: self.cache.clone(),
            bytes_max: self.config.query_bytes_max,
        }
    }

    /// How the engine is.
    pub fn status(&self) -> EventStatus {
        EventStatus {
            head_events: self.head.len() + self.frozen_memory().map_or(0, Memory::len),
            head_bytes: self.head_bytes(),
            segments: self.segments.facts().count(),
            segment_bytes: self.segments.facts().map(|facts| facts.bytes).sum(),
            segment_events: self.segments.facts().map(|facts| facts.items).sum(),
            dropped_fields: self.dropped_fields,
            cut_values: self.cut_values,
            refused_events: self.refused_events,
        }
    }

    /// The marks that were taken in, by name.
    pub fn marks(&self) -> &BTreeMap<String, String> {
        self.head.marks()
    }

    fn write(
        &mut self,
        events: &[Event<'_>],
        marks: &[(&str, &str)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        if events.is_empty() && marks.is_empty() {
            return Ok(());
        }
        let log = &mut self.log;
        self.head
            .push(events, marks, |record| log.append(record, now_ms))
    }

    fn frozen_memory(&self) -> Option<&Memory> {
        self.frozen.as_ref().map(|frozen| &frozen.memory)
    }

    fn head_bytes(&self) -> usize {
        self.head.bytes() + self.frozen_memory().map_or(0, Memory::bytes)
    }
}

impl Engine for Events {
    fn maintain(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.log.sync_if_due(now_ms)?;
        self.segments.retain(&self.config.retention, now_ms)?;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.head.bytes() >= self.config.head_bytes_max
    }

    fn is_old(&self, now_ms: i64) -> bool {
        let age_ms = (self.head.oldest_ns())
            .map_or(0, |oldest_ns| now_ms.saturating_sub(oldest_ns / 1_000_000));
        age_ms > i64::try_from(self.config.head_ms_max).unwrap_or(i64::MAX)
    }

    fn is_sealing(&self) -> bool {
        self.frozen.is_some()
    }

    fn begin_seal(&mut self, now_ms: i64) -> Result<Option<Work>, StoreError> {
        if self.frozen.is_none() && !self.head.is_empty() {
            let log_from = self.log.rotate(now_ms)?;
            self.head.tell_anew();
            if let Some(marks) = self.head.marks_record() {
                // They have to last before the log that has them is given up.
                self.log.carry(&marks, now_ms)?;
            }
            let memory = self.head.freeze();
            self.frozen = Some(Frozen { memory, log_from });
        }
        let Some(Frozen { memory, log_from }) = &self.frozen else {
            return Ok(None);
        };
        let (min_ns, max_ns) = memory.span_ns().unwrap_or_default();
        let facts = SegmentFacts {
            min_ms: min_ns.div_euclid(1_000_000),
            max_ms: max_ns.div_euclid(1_000_000),
            items: memory.len() as u64,
            ..SegmentFacts::default()
        };
        let memory = memory.clone();
        let fill = move |writer: &mut _| build::seal(&memory, writer);
        Ok(Some(self.segments.begin_seal(facts, *log_from, fill)))
    }

    fn begin_merge(&mut self) -> Option<Work> {
        self.segments.begin_merge(&self.cache, build::merge)
    }

    fn end_work(&mut self, done: &Done) -> Result<(), StoreError> {
        let Some(log_from) = done.sealed() else {
            return self.segments.end_work(done);
        };
        if self.frozen.as_ref().map(|frozen| frozen.log_from) != Some(log_from) {
            // Somebody else wrote it, and was faster.
            self.segments.discard_work(done);
            return Ok(());
        }
        self.segments.end_work(done)?;
        self.frozen = None;
        // What cannot be removed now is removed at the next start.
        self.log.forget_before(log_from).or(Ok(()))
    }
}
