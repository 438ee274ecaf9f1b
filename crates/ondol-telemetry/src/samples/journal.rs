//! The log of the samples engine: what is written, and how it comes back.
//!
//! Each file stands on its own. It names the columns of a group before the group's first row in it, and a loose series
//! where it comes first; a row says what changed since the row before in the same file.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::Histogram;

use super::codec::{ABSENT, histogram, row};
use super::head::{GroupId, Head};
use super::series::SeriesId;
use crate::bytes::{Malformed, Put, Take};
use crate::store::{Log, StoreError};

const COLUMNS: u8 = 0;
const ROW: u8 = 1;
const FLOATS: u8 = 2;
const HISTOGRAM: u8 = 3;
/// Names of columns, unpacked.
const COLUMNS_BYTES_MAX: usize = 64 << 20;

pub(super) struct Journal {
    pub(super) log: Log,
    /// Loose series that the current file knows, and as what.
    known: BTreeMap<SeriesId, u64>,
    record: Vec<u8>,
}

impl Journal {
    pub(super) fn new(log: Log) -> Self {
        Journal {
            log,
            known: BTreeMap::new(),
            record: Vec::new(),
        }
    }

    /// Writes a row of a group, and before it the names of columns that the file does not know.
    pub(super) fn row(
        &mut self,
        head: &mut Head,
        id: GroupId,
        at_ms: i64,
        values: &[u64],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let Some(group) = head.groups.get_mut(id) else {
            return Ok(());
        };
        let file = self.log.number();
        let is_new = group.logged.0 != file;
        let from = if is_new { 0 } else { group.logged.1 };
        if is_new || from < group.columns.len() {
            let mut names = Vec::new();
            for column in group.columns.get(from..).unwrap_or_default() {
                put_labels(head.table.labels(column.series), &mut names);
            }
            self.record.clear();
            self.record.push(COLUMNS);
            self.record.put_varint(id as u64);
            self.record.put_bytes(group.key.as_bytes());
            self.record.put_varint(from as u64);
            self.record.put_varint((group.columns.len() - from) as u64);
            self.record.put_varint(names.len() as u64);
            self.record.extend(zstd::bulk::compress(&names, 1)?);
            self.log.append(&self.record, now_ms)?;
            group.logged = (file, group.columns.len());
        }
        self.record.clear();
        self.record.push(ROW);
        self.record.put_varint(id as u64);
        self.record.put_signed(at_ms);
        if is_new {
            row::encode(values, &vec![ABSENT; values.len()], &mut self.record);
        } else {
            row::encode(values, &group.last, &mut self.record);
        }
        let written = self.log.append(&self.record, now_ms);
        if written.is_err() && is_new {
            // The next row must not count on this one.
            group.logged.0 = u64::MAX;
        }
        written
    }

    /// Writes samples with moments of their own.
    pub(super) fn floats(
        &mut self,
        head: &Head,
        samples: &[(SeriesId, i64, u64)],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        record.push(FLOATS);
        record.put_varint(samples.len() as u64);
        let known = self.known.len();
        for (series, at_ms, bits) in samples {
            self.put_series(head, *series, &mut record);
            record.put_signed(*at_ms);
            record.put_u64(*bits);
        }
        self.append(record, known, now_ms)
    }

    /// Writes a native histogram.
    pub(super) fn histogram(
        &mut self,
        head: &Head,
        series: SeriesId,
        at_ms: i64,
        value: &Histogram,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        record.push(HISTOGRAM);
        let known = self.known.len();
        self.put_series(head, series, &mut record);
        record.put_signed(at_ms);
        histogram::encode(value, &mut record);
        self.append(record, known, now_ms)
    }

    /// Begins the next file, which knows nothing.
    pub(super) fn rotate(&mut self, now_ms: i64) -> Result<u64, StoreError> {
        let number = self.log.rotate(now_ms)?;
        self.known.clear();
        Ok(number)
    }

    fn append(&mut self, record: Vec<u8>, known: usize, now_ms: i64) -> Result<(), StoreError> {
        let written = self.log.append(&record, now_ms);
        if written.is_err() {
            // What was named in it is not named.
            self.known.retain(|_, number| *number < known as u64);
        }
        self.record = record;
        written
    }

    /// The number of a series in this file, and its labels where it is new.
    fn put_series(&mut self, head: &Head, series: SeriesId, record: &mut Vec<u8>) {
        let next = self.known.len() as u64;
        let number = *self.known.entry(series).or_insert(next);
        record.put_varint(number);
        if number == next {
            put_labels(head.table.labels(series), record);
        }
    }
}

fn put_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>, into: &mut Vec<u8>) {
    let labels: Vec<(&str, &str)> = labels.collect();
    into.put_varint(labels.len() as u64);
    for (name, value) in labels {
        into.put_bytes(name.as_bytes());
        into.put_bytes(value.as_bytes());
    }
}

fn take_series(from: &mut Take<'_>, head: &mut Head) -> Result<SeriesId, Malformed> {
    let count = from.count(2)?;
    let labels: Vec<(&str, &str)> = (0..count)
        .map(|_| Ok((from.str()?, from.str()?)))
        .collect::<Result<_, _>>()?;
    Ok(head.table.intern(&labels))
}

/// Brings a log back into memory.
#[derive(Default)]
pub(super) struct Replay {
    file: u64,
    groups: BTreeMap<u64, FileGroup>,
    loose: Vec<SeriesId>,
    /// Records that could not be understood.
    pub(super) malformed: u64,
}

/// What a file knows of a group.
struct FileGroup {
    group: GroupId,
    /// Where each column of the file is in memory.
    columns: Vec<usize>,
    last: Vec<u64>,
}

impl Replay {
    pub(super) fn apply(&mut self, head: &mut Head, file: u64, record: &[u8]) {
        if file != self.file {
            self.file = file;
            self.groups.clear();
            self.loose.clear();
        }
        if self.try_apply(head, record).is_err() {
            self.malformed += 1;
        }
    }

    fn try_apply(&mut self, head: &mut Head, record: &[u8]) -> Result<(), Malformed> {
        let mut from = Take(record);
        match from.u8()? {
            COLUMNS => self.columns(head, &mut from),
            ROW => self.row(head, &mut from),
            FLOATS => {
                let count = from.count(10)?;
                for _ in 0..count {
                    let series = self.series(head, &mut from)?;
                    let at_ms = from.signed()?;
                    head.loose.push(series, at_ms, from.u64()?);
                    head.items += 1;
                }
                Ok(())
            }
            HISTOGRAM => {
                let series = self.series(head, &mut from)?;
                let at_ms = from.signed()?;
                let value = Arc::new(histogram::decode(&mut from)?);
                head.loose.push_histogram(series, at_ms, value);
                head.items += 1;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    fn columns(&mut self, head: &mut Head, from: &mut Take<'_>) -> Result<(), Malformed> {
        let number = from.varint()?;
        let key = from.str()?;
        let (first, count) = (from.varint()? as usize, from.varint()? as usize);
        let len = from.varint()? as usize;
        if len > COLUMNS_BYTES_MAX {
            return Err(Malformed);
        }
        let names = zstd::bulk::decompress(from.0, len).map_err(|_| Malformed)?;
        let id = head.group(key);
        let known = self.groups.entry(number).or_insert_with(|| FileGroup {
            group: id,
            columns: Vec::new(),
            last: Vec::new(),
        });
        if first == 0 {
            // Named anew, after a write that failed.
            known.columns.clear();
            known.last.clear();
        }
        if known.columns.len() != first {
            return Err(Malformed);
        }
        let mut names = Take(&names);
        let places: BTreeMap<SeriesId, usize> =
            head.groups.get(id).map_or_else(BTreeMap::new, |group| {
                group
                    .columns
                    .iter()
                    .map(|column| column.series)
                    .zip(0..)
                    .collect()
            });
        for _ in 0..count {
            let series = take_series(&mut names, head)?;
            let group = head.groups.get_mut(id).ok_or(Malformed)?;
            let place = places.get(&series).copied();
            let place = place.unwrap_or_else(|| group.add_column(series, &mut head.arena));
            known.columns.push(place);
            known.last.push(ABSENT);
        }
        Ok(())
    }

    fn row(&mut self, head: &mut Head, from: &mut Take<'_>) -> Result<(), Malformed> {
        let known = self.groups.get_mut(&from.varint()?).ok_or(Malformed)?;
        let at_ms = from.signed()?;
        row::decode(from, &mut known.last)?;
        let width = head
            .groups
            .get(known.group)
            .map_or(0, |group| group.columns.len());
        let mut values = vec![ABSENT; width];
        for (place, bits) in known.columns.iter().zip(&known.last) {
            *values.get_mut(*place).ok_or(Malformed)? = *bits;
        }
        head.push(known.group, at_ms, &values);
        Ok(())
    }

    fn series(&mut self, head: &mut Head, from: &mut Take<'_>) -> Result<SeriesId, Malformed> {
        let number = from.varint()? as usize;
        if number == self.loose.len() {
            let series = take_series(from, head)?;
            self.loose.push(series);
        }
        self.loose.get(number).copied().ok_or(Malformed)
    }
}
