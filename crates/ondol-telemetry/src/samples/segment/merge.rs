//! Many segments into one.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::Histogram;

use super::index::{Builder, Index, Place, RunKind, SeriesEntry};
use super::seal::{add_floats, add_grouped, add_histograms, metric_of, order};
use crate::bytes::{Malformed, Take};
use crate::samples::codec::{ABSENT, column, histogram, times};
use crate::samples::loose::in_order;
use crate::store::{Cache, SegmentReader, SegmentWriter, StoreError};

/// Writes what is in all of `readers`, the oldest first; returns the index.
pub(in crate::samples) fn merge(
    readers: &[Arc<SegmentReader>],
    cache: &Cache,
    writer: &mut SegmentWriter,
) -> Result<Vec<u8>, StoreError> {
    let indexes = readers
        .iter()
        .map(|reader| reader.index(cache))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for (reader, bytes) in readers.iter().zip(&indexes) {
        sources.push(Input::open(reader, bytes)?);
    }
    let mut builder = Builder::new(writer);
    add_all_times(&mut sources, &mut builder)?;
    let mut scratch = column::Scratch::default();
    for input in &mut sources {
        input.advance()?;
    }
    loop {
        let least = sources
            .iter()
            .filter_map(|input| input.next.as_ref().map(|(labels, _)| labels))
            .min_by(|a, b| order((metric_of(a), a), (metric_of(b), b)))
            .cloned();
        let Some(labels) = least else {
            break;
        };
        let mut whole = Whole::default();
        for input in &mut sources {
            if input.next.as_ref().is_some_and(|(next, _)| *next == labels) {
                input.read_into(&mut whole)?;
                input.advance()?;
            }
        }
        let mut runs = Vec::new();
        for (times, (first, values)) in &whole.grouped {
            runs.extend(add_grouped(
                &mut builder,
                *times,
                *first,
                values,
                &mut scratch,
            )?);
        }
        runs.extend(add_floats(
            &mut builder,
            &in_order(&whole.floats),
            &mut scratch,
        )?);
        runs.extend(add_histograms(&mut builder, &in_order(&whole.histograms))?);
        builder.add_series(metric_of(&labels), &labels, &runs);
    }
    builder.finish()
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

/// All that is known of one series.
#[derive(Default)]
struct Whole {
    /// By the number of the moments: first row and values.
    grouped: BTreeMap<u32, (usize, Vec<u64>)>,
    floats: Vec<(i64, u64)>,
    histograms: Vec<(i64, Arc<Histogram>)>,
}

/// A segment that is read from its first series to its last.
struct Input<'a> {
    reader: &'a SegmentReader,
    index: Index<'a>,
    series: Box<dyn Iterator<Item = Result<SeriesEntry, Malformed>> + 'a>,
    next: Option<(Labels<'a>, SeriesEntry)>,
    /// For each of its groups: the moments in the new segment, and the row that its first row is there.
    moved: Vec<(u32, usize)>,
    /// Blocks come in order; only the last one is needed.
    block: Option<(u32, Arc<[u8]>)>,
}

impl<'a> Input<'a> {
    fn open(reader: &'a SegmentReader, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let index = Index::parse(bytes).map_err(|Malformed| reader.broken())?;
        let series = Box::new(index.series(None));
        Ok(Input {
            reader,
            index,
            series,
            next: None,
            moved: Vec::new(),
            block: None,
        })
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        let entry = self.series.next().transpose();
        let labelled = |entry: SeriesEntry| {
            let label = |(name, value): &(u32, u32)| {
                Ok((self.index.symbol(*name)?, self.index.symbol(*value)?))
            };
            let labels = entry
                .pairs
                .iter()
                .map(label)
                .collect::<Result<_, Malformed>>()?;
            Ok((labels, entry))
        };
        let next = entry.and_then(|entry| entry.map(labelled).transpose());
        self.next = next.map_err(|Malformed| self.reader.broken())?;
        Ok(())
    }

    fn bytes(&mut self, place: Place) -> Result<(Arc<[u8]>, Place), StoreError> {
        if let Some((number, block)) = &self.block
            && *number == place.block
        {
            return Ok((block.clone(), place));
        }
        let block = self
            .index
            .block(place.block)
            .map_err(|Malformed| self.reader.broken())?;
        let block = self.reader.read(block)?;
        self.block = Some((place.block, block.clone()));
        Ok((block, place))
    }

    fn moments(&mut self, place: Place) -> Result<Vec<i64>, StoreError> {
        let (block, place) = self.bytes(place)?;
        let moments = place
            .of(&block)
            .and_then(|bytes| times::decode(&mut Take(bytes)));
        moments.map_err(|Malformed| self.reader.broken())
    }

    fn read_into(&mut self, whole: &mut Whole) -> Result<(), StoreError> {
        let runs = self
            .next
            .as_ref()
            .map(|(_, entry)| entry.runs.clone())
            .unwrap_or_default();
        for run in runs {
            let (block, place) = self.bytes(run.place)?;
            let moved = &self.moved;
            let read = || -> Result<(), Malformed> {
                let mut bytes = Take(place.of(&block)?);
                let rows = run.rows as usize;
                match run.kind {
                    RunKind::Grouped { times, first_row } => {
                        let (times, offset) = *moved.get(times as usize).ok_or(Malformed)?;
                        let row = first_row as usize + offset;
                        let (first, values) =
                            whole.grouped.entry(times).or_insert((row, Vec::new()));
                        let gap = row.checked_sub(*first + values.len()).ok_or(Malformed)?;
                        values.resize(values.len() + gap, ABSENT);
                        column::decode(bytes.0, 0, rows, values)?;
                    }
                    RunKind::Floats { .. } => {
                        let moments = times::decode(&mut bytes)?;
                        let mut values = Vec::new();
                        column::decode(bytes.0, 0, rows, &mut values)?;
                        whole.floats.extend(moments.into_iter().zip(values));
                    }
                    RunKind::Histograms { .. } => {
                        for at_ms in times::decode(&mut bytes)? {
                            let value = Arc::new(histogram::decode(&mut bytes)?);
                            whole.histograms.push((at_ms, value));
                        }
                    }
                }
                Ok(())
            };
            let mut read = read;
            read().map_err(|Malformed| self.reader.broken())?;
        }
        Ok(())
    }
}

/// The moments of a group in several segments follow each other and become one; where a clock was set back they do not,
/// and stay apart.
fn add_all_times(sources: &mut [Input<'_>], builder: &mut Builder<'_>) -> Result<(), StoreError> {
    let mut by_key: BTreeMap<String, Vec<(usize, usize, Place)>> = BTreeMap::new();
    for (number, input) in sources.iter_mut().enumerate() {
        input.moved = vec![(0, 0); input.index.times.len()];
        for (at, entry) in input.index.times.iter().enumerate() {
            let of_key = by_key.entry(entry.key.to_owned()).or_default();
            of_key.push((number, at, entry.place));
        }
    }
    for (key, parts) in by_key {
        let mut all: Vec<i64> = Vec::new();
        let mut waiting = Vec::new();
        for (number, at, place) in parts {
            let Some(input) = sources.get_mut(number) else {
                continue;
            };
            let moments = input.moments(place)?;
            if all.last() >= moments.first() && !all.is_empty() {
                place_times(sources, builder, &key, &mut all, &mut waiting)?;
            }
            waiting.push((number, at, all.len()));
            all.extend(moments);
        }
        place_times(sources, builder, &key, &mut all, &mut waiting)?;
    }
    Ok(())
}

fn place_times(
    sources: &mut [Input<'_>],
    builder: &mut Builder<'_>,
    key: &str,
    all: &mut Vec<i64>,
    waiting: &mut Vec<(usize, usize, usize)>,
) -> Result<(), StoreError> {
    let new = builder.add_times(key, all)?;
    for (number, at, offset) in waiting.drain(..) {
        if let Some(moved) = sources
            .get_mut(number)
            .and_then(|input| input.moved.get_mut(at))
        {
            *moved = (new, offset);
        }
    }
    all.clear();
    Ok(())
}
