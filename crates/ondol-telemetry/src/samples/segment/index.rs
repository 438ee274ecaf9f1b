//! What is in a segment and where.

use std::collections::BTreeMap;

use crate::bytes::{Malformed, Put, Take};
use crate::samples::codec::times;
use crate::store::{Block, SegmentWriter, StoreError};

/// A block is packed once it has so many bytes.
const BLOCK_BYTES: usize = 64 << 10;
/// Columns are written once and kept long; higher levels gain little here.
const PACK_LEVEL: i32 = 3;

/// Bytes inside of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::samples) struct Place {
    pub(in crate::samples) block: u32,
    offset: u32,
    len: u32,
}

impl Place {
    /// Its bytes, of its block.
    pub(in crate::samples) fn of(self, block: &[u8]) -> Result<&[u8], Malformed> {
        let start = self.offset as usize;
        block.get(start..start + self.len as usize).ok_or(Malformed)
    }

    fn put(self, into: &mut Vec<u8>) {
        into.put_varint(u64::from(self.block));
        into.put_varint(u64::from(self.offset));
        into.put_varint(u64::from(self.len));
    }

    fn take(from: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(Place {
            block: narrow(from.varint()?)?,
            offset: narrow(from.varint()?)?,
            len: narrow(from.varint()?)?,
        })
    }
}

fn narrow(value: u64) -> Result<u32, Malformed> {
    value.try_into().map_err(|_| Malformed)
}

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::samples) enum RunKind {
    /// Values at the moments of a group, from a row on.
    Grouped { times: u32, first_row: u32 },
    /// Values with moments of their own.
    Floats { min_ms: i64, max_ms: i64 },
    /// Native histograms with moments of their own.
    Histograms { min_ms: i64, max_ms: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::samples) struct RunEntry {
    pub(in crate::samples) kind: RunKind,
    /// How many values.
    pub(in crate::samples) rows: u32,
    pub(in crate::samples) place: Place,
}

/// The moments of a group.
pub(in crate::samples) struct TimesEntry<'a> {
    pub(in crate::samples) key: &'a str,
    pub(in crate::samples) place: Place,
    pub(in crate::samples) min_ms: i64,
    pub(in crate::samples) max_ms: i64,
}

/// A segment in the making.
pub(super) struct Builder<'w> {
    writer: &'w mut SegmentWriter,
    blocks: Vec<Block>,
    raw: Vec<u8>,
    symbols: BTreeMap<String, u32>,
    times: Vec<u8>,
    times_count: u64,
    series: Vec<u8>,
    /// Name, where its first series is, how many.
    metrics: Vec<(u32, usize, u64)>,
}

impl<'w> Builder<'w> {
    pub(super) fn new(writer: &'w mut SegmentWriter) -> Self {
        Builder {
            writer,
            blocks: Vec::new(),
            raw: Vec::new(),
            symbols: BTreeMap::new(),
            times: Vec::new(),
            times_count: 0,
            series: Vec::new(),
            metrics: Vec::new(),
        }
    }

    /// Adds bytes to the block that is being filled.
    pub(super) fn add(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<Place, StoreError> {
        if self.raw.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        let offset = self.raw.len();
        fill(&mut self.raw);
        Ok(Place {
            block: self.blocks.len() as u32,
            offset: offset as u32,
            len: (self.raw.len() - offset) as u32,
        })
    }

    /// Adds the moments of a group; there is at least one. Returns their number.
    pub(super) fn add_times(&mut self, key: &str, moments: &[i64]) -> Result<u32, StoreError> {
        let place = self.add(|raw| times::encode(moments, raw))?;
        self.times.put_bytes(key.as_bytes());
        place.put(&mut self.times);
        self.times
            .put_signed(moments.first().copied().unwrap_or_default());
        self.times
            .put_signed(moments.last().copied().unwrap_or_default());
        self.times_count += 1;
        Ok(self.times_count as u32 - 1)
    }

    /// Adds a series; they come in the order of [`super::seal::order`]. One without runs is left out.
    pub(super) fn add_series(&mut self, metric: &str, labels: &[(&str, &str)], runs: &[RunEntry]) {
        if runs.is_empty() {
            return;
        }
        let metric = self.symbol(metric);
        match self.metrics.last_mut() {
            Some((last, _, count)) if *last == metric => *count += 1,
            _ => self.metrics.push((metric, self.series.len(), 1)),
        }
        self.series.put_varint(labels.len() as u64);
        for (name, value) in labels {
            let (name, value) = (self.symbol(name), self.symbol(value));
            self.series.put_varint(u64::from(name));
            self.series.put_varint(u64::from(value));
        }
        self.series.put_varint(runs.len() as u64);
        for run in runs {
            run.put(&mut self.series);
        }
    }

    /// The index.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, StoreError> {
        self.flush()?;
        let mut symbols: Vec<(&str, u32)> =
            self.symbols.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        symbols.sort_by_key(|(_, number)| *number);
        let mut index = Vec::new();
        index.put_varint(symbols.len() as u64);
        for (text, _) in symbols {
            index.put_bytes(text.as_bytes());
        }
        index.put_varint(self.times_count);
        index.extend_from_slice(&self.times);
        index.put_varint(self.blocks.len() as u64);
        for block in &self.blocks {
            block.put(&mut index);
        }
        index.put_varint(self.metrics.len() as u64);
        for (metric, at, count) in &self.metrics {
            index.put_varint(u64::from(*metric));
            index.put_varint(*at as u64);
            index.put_varint(*count);
        }
        index.extend_from_slice(&self.series);
        Ok(index)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.raw.is_empty() {
            self.blocks.push(self.writer.block(&self.raw, PACK_LEVEL)?);
            self.raw.clear();
        }
        Ok(())
    }

    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = self.symbols.len() as u32;
        self.symbols.insert(text.to_owned(), symbol);
        symbol
    }
}

impl RunEntry {
    fn put(&self, into: &mut Vec<u8>) {
        let (tag, first, second) = match self.kind {
            RunKind::Grouped { times, first_row } => (0, i64::from(times), i64::from(first_row)),
            RunKind::Floats { min_ms, max_ms } => (1, min_ms, max_ms),
            RunKind::Histograms { min_ms, max_ms } => (2, min_ms, max_ms),
        };
        into.push(tag);
        into.put_signed(first);
        into.put_signed(second);
        into.put_varint(u64::from(self.rows));
        self.place.put(into);
    }

    fn take(from: &mut Take<'_>) -> Result<Self, Malformed> {
        let (tag, first, second) = (from.u8()?, from.signed()?, from.signed()?);
        let narrow_signed = |value: i64| u32::try_from(value).map_err(|_| Malformed);
        let kind = match tag {
            0 => RunKind::Grouped {
                times: narrow_signed(first)?,
                first_row: narrow_signed(second)?,
            },
            1 => RunKind::Floats {
                min_ms: first,
                max_ms: second,
            },
            2 => RunKind::Histograms {
                min_ms: first,
                max_ms: second,
            },
            _ => return Err(Malformed),
        };
        Ok(RunEntry {
            kind,
            rows: narrow(from.varint()?)?,
            place: Place::take(from)?,
        })
    }
}

/// The index of a segment, borrowed from its bytes.
pub(in crate::samples) struct Index<'a> {
    symbols: Vec<&'a str>,
    pub(in crate::samples) times: Vec<TimesEntry<'a>>,
    blocks: Vec<Block>,
    /// Name, where its first series is, how many.
    metrics: Vec<(&'a str, usize, usize)>,
    series: &'a [u8],
}

/// A series of a segment.
pub(in crate::samples) struct SeriesEntry {
    /// Symbols of name and value, in the order of the names.
    pub(in crate::samples) pairs: Vec<(u32, u32)>,
    pub(in crate::samples) runs: Vec<RunEntry>,
}

impl<'a> Index<'a> {
    pub(in crate::samples) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Take(bytes);
        let count = from.count(1)?;
        let symbols = (0..count)
            .map(|_| from.str())
            .collect::<Result<Vec<_>, _>>()?;
        let count = from.count(6)?;
        let entry = |from: &mut Take<'a>| {
            Ok(TimesEntry {
                key: from.str()?,
                place: Place::take(from)?,
                min_ms: from.signed()?,
                max_ms: from.signed()?,
            })
        };
        let times = (0..count)
            .map(|_| entry(&mut from))
            .collect::<Result<_, _>>()?;
        let count = from.count(3)?;
        let blocks = (0..count)
            .map(|_| Block::take(&mut from))
            .collect::<Result<_, _>>()?;
        let count = from.count(3)?;
        let metric = |from: &mut Take<'a>| {
            let name = symbols
                .get(from.varint()? as usize)
                .copied()
                .ok_or(Malformed)?;
            Ok((name, from.varint()? as usize, from.varint()? as usize))
        };
        let metrics = (0..count)
            .map(|_| metric(&mut from))
            .collect::<Result<_, _>>()?;
        Ok(Index {
            symbols,
            times,
            blocks,
            metrics,
            series: from.0,
        })
    }

    pub(in crate::samples) fn symbol(&self, symbol: u32) -> Result<&'a str, Malformed> {
        self.symbols.get(symbol as usize).copied().ok_or(Malformed)
    }

    /// How many texts there are.
    pub(in crate::samples) fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    pub(in crate::samples) fn block(&self, number: u32) -> Result<Block, Malformed> {
        self.blocks.get(number as usize).copied().ok_or(Malformed)
    }

    /// The series of a metric, or all of them, in their order.
    pub(in crate::samples) fn series(
        &self,
        metric: Option<&str>,
    ) -> impl Iterator<Item = Result<SeriesEntry, Malformed>> + use<'a> {
        let wanted =
            |(name, _, _): &&(&str, usize, usize)| metric.is_none_or(|metric| *name == metric);
        // Metrics stand in the order of their series, so all of them are one stretch.
        let first = self
            .metrics
            .iter()
            .find(wanted)
            .map_or(self.series.len(), |m| m.1);
        let count = self.metrics.iter().filter(wanted).map(|m| m.2).sum();
        let mut from = Take(self.series.get(first..).unwrap_or_default());
        let mut left: usize = count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let entry = take_series(&mut from);
            if entry.is_err() {
                left = 0;
            }
            Some(entry)
        })
    }
}

fn take_series(from: &mut Take<'_>) -> Result<SeriesEntry, Malformed> {
    let count = from.count(2)?;
    let pair = |from: &mut Take<'_>| Ok((narrow(from.varint()?)?, narrow(from.varint()?)?));
    let pairs = (0..count).map(|_| pair(from)).collect::<Result<_, _>>()?;
    let count = from.count(7)?;
    let runs = (0..count)
        .map(|_| RunEntry::take(from))
        .collect::<Result<_, _>>()?;
    Ok(SeriesEntry { pairs, runs })
}
