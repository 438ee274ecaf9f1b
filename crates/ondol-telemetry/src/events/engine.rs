//! The engine, opened, written to and kept in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::head::{Head, Told};
use super::{Event, build};
use crate::disk::Disk;
use crate::samples::Opened;
use crate::store::{
    Cache, Durability, Log, Merge, Merged, Retention, SegmentFacts, Segments, StoreError,
};

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
            head_bytes_max: 8 << 20,
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
    pub(super) head: Head,
    log: Log,
    pub(super) segments: Segments,
    pub(super) cache: Arc<Cache>,
    dropped_fields: u64,
    cut_values: u64,
    refused_events: u64,
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
        if self.head.bytes() > self.config.head_bytes_max.saturating_mul(2) {
            let head_bytes = self.head.bytes() as u64;
            return Err(StoreError::Behind { head_bytes });
        }
        let is_bounded = |event: &Event<'_>| {
            let is_short = |(_, value): &(&str, &str)| value.len() <= self.config.value_bytes_max;
            event.fields.len() <= self.config.fields_max && event.fields.iter().all(is_short)
        };
        if self.head.streams.all.len() < self.config.streams_max && events.iter().all(is_bounded) {
            return self.write(events, marks, now_ms);
        }
        // Rare, so that it may cost a copy.
        let mut bounded: Vec<(&Event<'_>, Vec<(&str, &str)>)> = Vec::new();
        for event in events {
            if self.head.streams.all.len() >= self.config.streams_max
                && !self.head.has(event.stream)
            {
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

    /// Does what is due: makes writes last, moves memory to a segment, forgets. Call it each second, and then see
    /// whether there is something to merge.
    ///
    /// # Errors
    ///
    /// When the disk fails. Nothing is lost then, and the next call tries again.
    pub fn maintain(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.log.sync_if_due(now_ms)?;
        let oldest_ms = self
            .head
            .entries()
            .iter()
            .map(|entry| entry.at_ns / 1_000_000)
            .min();
        let age_ms = oldest_ms.map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms));
        let is_old = age_ms > i64::try_from(self.config.head_ms_max).unwrap_or(i64::MAX);
        if self.head.bytes() >= self.config.head_bytes_max || is_old {
            self.seal(now_ms)?;
        }
        self.segments.retain(&self.config.retention, now_ms)?;
        Ok(())
    }

    /// Makes everything that was taken in last, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn sync(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.log.sync(now_ms)
    }

    /// Segments of one level that follow each other, if there are enough to merge them. The work is done without the
    /// engine; [`Events::end_merge`] takes what came of it.
    pub fn begin_merge(&mut self) -> Option<Merge> {
        self.segments.begin_merge(&self.cache, build::merge)
    }

    /// Takes what came of a merge.
    ///
    /// # Errors
    ///
    /// When the disk fails; the small segments stay then.
    pub fn end_merge(&mut self, merged: &Merged) -> Result<(), StoreError> {
        self.segments.end_merge(merged)
    }

    /// Moves everything in memory to a segment, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails; memory and log still have it all then.
    pub fn seal(&mut self, now_ms: i64) -> Result<(), StoreError> {
        if self.head.entries().is_empty() {
            return Ok(());
        }
        let log_from = self.log.rotate(now_ms)?;
        self.head.tell_anew();
        if let Some(marks) = self.head.marks_record() {
            // They have to last before the log that has them is given up.
            self.log.carry(&marks, now_ms)?;
        }
        let head = &self.head;
        let written = self.segments.write(|writer| build::seal(head, writer))?;
        let times_ms = || {
            head.entries()
                .iter()
                .map(|entry| entry.at_ns.div_euclid(1_000_000))
        };
        let facts = SegmentFacts {
            min_ms: times_ms().min().unwrap_or(0),
            max_ms: times_ms().max().unwrap_or(0),
            items: head.entries().len() as u64,
            ..SegmentFacts::default()
        };
        self.segments.publish(&written, facts, &[], log_from)?;
        self.head = self.head.emptied();
        // What cannot be removed now is removed at the next start.
        self.log.forget_before(log_from).or(Ok(()))
    }

    /// How the engine is.
    pub fn status(&self) -> EventStatus {
        EventStatus {
            head_events: self.head.entries().len(),
            head_bytes: self.head.bytes(),
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
}
