//! Events that are not in a segment yet: they stand in memory exactly as they stand in the log.
//!
//! A record of the log names the streams and fields that its file does not know, in the order of their numbers, and then
//! has the events. A new file is told all of them again, so that numbers mean the same everywhere. Marks stand at the end
//! of a record: they are there when its events are.

use std::collections::BTreeMap;

use super::Event;
use crate::bytes::{Malformed, Put, Take};

/// Labels of a stream, sorted by name.
pub(super) type StreamLabels = Vec<(String, String)>;

#[derive(Default)]
pub(super) struct Head {
    pub(super) streams: Names<StreamLabels>,
    pub(super) fields: Names<String>,
    records: Vec<Box<[u8]>>,
    entries: Vec<Entry>,
    bytes: usize,
    marks: BTreeMap<String, String>,
    /// What the current log file was told.
    told: Told,
}

/// How many streams and fields a log file knows.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    streams: usize,
    fields: usize,
}

/// Where an event is.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) at_ns: i64,
    pub(super) stream: u32,
    record: u32,
    /// Where its fields begin.
    offset: u32,
}

/// Numbers for names.
#[derive(Default)]
pub(super) struct Names<T> {
    pub(super) all: Vec<T>,
    numbers: BTreeMap<T, u32>,
}

impl<T: Ord + Clone> Names<T> {
    fn add(&mut self, name: T) -> u32 {
        let next = self.all.len() as u32;
        self.all.push(name.clone());
        self.numbers.insert(name, next);
        next
    }

    /// Takes the name that a file has for number `at`. Names come in order, and are never others than those known.
    fn learn(&mut self, at: usize, name: T) -> Result<(), Malformed> {
        match self.all.get(at) {
            Some(known) if *known == name => Ok(()),
            None if at == self.all.len() => {
                self.add(name);
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn truncate(&mut self, len: usize) {
        self.all.truncate(len);
        self.numbers.retain(|_, number| (*number as usize) < len);
    }
}

impl Head {
    /// Takes events and marks in, if `write` could write their record.
    pub(super) fn push<E>(
        &mut self,
        events: &[Event<'_>],
        marks: &[(&str, &str)],
        write: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = Told {
            streams: self.streams.all.len(),
            fields: self.fields.all.len(),
        };
        let mut record = self.record(events);
        put_marks(marks, &mut record);
        if let Err(error) = write(&record) {
            self.streams.truncate(before.streams);
            self.fields.truncate(before.fields);
            return Err(error);
        }
        let mut told = self.told;
        // It was made a moment ago, and reads as any record does.
        let applied = self.apply(&record, &mut told);
        debug_assert!(applied.is_ok());
        self.told = told;
        Ok(())
    }

    /// What is left of it once its events are elsewhere.
    pub(super) fn emptied(&self) -> Self {
        Head {
            marks: self.marks.clone(),
            ..Head::default()
        }
    }

    /// The marks.
    pub(super) fn marks(&self) -> &BTreeMap<String, String> {
        &self.marks
    }

    /// A record of the marks alone, for a log file that begins; `None` when there are none.
    pub(super) fn marks_record(&self) -> Option<Vec<u8>> {
        if self.marks.is_empty() {
            return None;
        }
        let mut record = Head::default().record(&[]);
        let marks: Vec<(&str, &str)> = (self.marks.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        put_marks(&marks, &mut record);
        Some(record)
    }

    /// A new log file has begun.
    pub(super) fn tell_anew(&mut self) {
        self.told = Told::default();
    }

    fn record(&mut self, events: &[Event<'_>]) -> Vec<u8> {
        let (mut body, mut before) = (Vec::new(), 0_i64);
        body.put_varint(events.len() as u64);
        for event in events {
            body.put_varint(u64::from(self.stream(event.stream)));
            body.put_signed(
                event
                    .at_ns
                    .wrapping_sub(std::mem::replace(&mut before, event.at_ns)),
            );
            body.put_varint(event.fields.len() as u64);
            for (name, value) in event.fields {
                let known = self.fields.numbers.get(*name).copied();
                let number = known.unwrap_or_else(|| self.fields.add((*name).to_owned()));
                body.put_varint(u64::from(number));
                body.put_bytes(value.as_bytes());
            }
        }
        let mut record = Vec::with_capacity(body.len() + 16);
        let new = self
            .streams
            .all
            .get(self.told.streams..)
            .unwrap_or_default();
        record.put_varint(new.len() as u64);
        for labels in new {
            record.put_varint(labels.len() as u64);
            for (name, value) in labels {
                record.put_bytes(name.as_bytes());
                record.put_bytes(value.as_bytes());
            }
        }
        let new = self.fields.all.get(self.told.fields..).unwrap_or_default();
        record.put_varint(new.len() as u64);
        for name in new {
            record.put_bytes(name.as_bytes());
        }
        record.append(&mut body);
        record
    }

    /// Takes a record into memory, of a file that was `told` so much; says how many events it had. Its events all or none.
    pub(super) fn apply(&mut self, record: &[u8], told: &mut Told) -> Result<usize, Malformed> {
        let mut from = Take(record);
        for _ in 0..from.count(1)? {
            let mut labels = StreamLabels::new();
            for _ in 0..from.count(2)? {
                labels.push((from.str()?.to_owned(), from.str()?.to_owned()));
            }
            self.streams.learn(told.streams, labels)?;
            told.streams += 1;
        }
        for _ in 0..from.count(1)? {
            self.fields.learn(told.fields, from.str()?.to_owned())?;
            told.fields += 1;
        }
        let count = from.count(3)?;
        let known = self.entries.len();
        let entered = self.enter(record.len(), &mut from, count);
        let marks = entered.and_then(|()| take_marks(&mut from));
        let marks = match marks {
            Ok(marks) => marks,
            Err(malformed) => {
                self.entries.truncate(known);
                return Err(malformed);
            }
        };
        for (name, value) in marks {
            match value.is_empty() {
                true => self.marks.remove(name),
                false => self.marks.insert(name.to_owned(), value.to_owned()),
            };
        }
        if count == 0 {
            return Ok(0);
        }
        self.bytes += record.len() + count * size_of::<Entry>();
        self.records.push(record.into());
        Ok(count)
    }

    fn enter(&mut self, len: usize, from: &mut Take<'_>, count: usize) -> Result<(), Malformed> {
        let mut at_ns = 0_i64;
        for _ in 0..count {
            let stream = u32::try_from(from.varint()?).map_err(|_| Malformed)?;
            at_ns = at_ns.wrapping_add(from.signed()?);
            let offset = (len - from.0.len()) as u32;
            for _ in 0..from.count(2)? {
                let field = from.varint()? as usize;
                if field >= self.fields.all.len() {
                    return Err(Malformed);
                }
                from.str()?;
            }
            if stream as usize >= self.streams.all.len() {
                return Err(Malformed);
            }
            self.entries.push(Entry {
                at_ns,
                stream,
                record: self.records.len() as u32,
                offset,
            });
        }
        Ok(())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Name and value of each field.
    pub(super) fn fields(&self, entry: Entry) -> Vec<(&str, &str)> {
        let record = self.records.get(entry.record as usize);
        let mut from = Take(
            record
                .and_then(|r| r.get(entry.offset as usize..))
                .unwrap_or_default(),
        );
        let count = from.count(2).unwrap_or(0);
        (0..count).map_while(|_| self.field(&mut from)).collect()
    }

    fn field<'a>(&'a self, from: &mut Take<'a>) -> Option<(&'a str, &'a str)> {
        let name = self.fields.all.get(from.varint().ok()? as usize)?;
        // Checked when it was taken in.
        Some((name, from.str().ok()?))
    }

    /// Whether a stream is known.
    pub(super) fn has(&self, labels: &[(&str, &str)]) -> bool {
        self.streams.numbers.contains_key(&owned(labels))
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn stream(&mut self, labels: &[(&str, &str)]) -> u32 {
        let labels = owned(labels);
        let known = self.streams.numbers.get(&labels).copied();
        known.unwrap_or_else(|| self.streams.add(labels))
    }
}

/// Nothing where there are none: then a record is what it was before there were marks.
fn put_marks(marks: &[(&str, &str)], into: &mut Vec<u8>) {
    if marks.is_empty() {
        return;
    }
    into.put_varint(marks.len() as u64);
    for (name, value) in marks {
        into.put_bytes(name.as_bytes());
        into.put_bytes(value.as_bytes());
    }
}

fn take_marks<'a>(from: &mut Take<'a>) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let count = from.count(2)?;
    (0..count).map(|_| Ok((from.str()?, from.str()?))).collect()
}

fn owned(labels: &[(&str, &str)]) -> StreamLabels {
    let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    labels.iter().map(label).collect()
}
