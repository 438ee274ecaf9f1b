//! The samples of a series in one place: rows in memory, what waits beside them, a run of a segment.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use ondol_query::Sample;

use crate::bytes::{Malformed, Take};
use crate::samples::codec::{ABSENT, column, histogram, times};
use crate::samples::group::{Copied, Rows};
use crate::samples::loose::{Run, in_order};
use crate::samples::segment::{Place, RunEntry, RunKind};
use crate::store::{Block, Cache, SegmentReader, StoreError};

/// The samples of a series in one place.
pub(super) struct Part {
    /// Earliest and latest moment that there may be.
    pub(super) span_ms: (i64, i64),
    /// Of two samples at one moment the one from the higher place counts: what came later.
    pub(super) rank: u64,
    pub(super) kind: PartKind,
}

pub(super) enum PartKind {
    Column { rows: Arc<Rows>, column: Copied },
    Loose(Run),
    Sealed(Sealed),
}

pub(super) struct Sealed {
    pub(super) reader: Arc<SegmentReader>,
    pub(super) cache: Arc<Cache>,
    pub(super) block: Block,
    pub(super) run: RunEntry,
    /// The moments of its group.
    pub(super) moments: Option<Rc<Moments>>,
}

/// Moments that many series share, decoded when the first of them is read.
pub(super) struct Moments {
    pub(super) block: Block,
    pub(super) place: Place,
    pub(super) decoded: OnceCell<Vec<i64>>,
}

impl Part {
    pub(super) fn read(
        &self,
        start_ms: i64,
        end_ms: i64,
        into: &mut Vec<Sample>,
    ) -> Result<(), StoreError> {
        match &self.kind {
            PartKind::Column { rows, column } => {
                let mut values = Vec::new();
                // It was encoded in this process; memory that changed since is beyond us.
                let first = column.read(&rows.pieces, &mut values).unwrap_or(usize::MAX);
                let moments = rows.times.get(first..).unwrap_or_default();
                give(moments, &values, start_ms, end_ms, into);
                Ok(())
            }
            PartKind::Loose(run) => {
                let (moments, values): (Vec<i64>, Vec<u64>) =
                    in_order(&run.floats).into_iter().unzip();
                let before = into.len();
                give(&moments, &values, start_ms, end_ms, into);
                let within = |at_ms: &i64| (start_ms..=end_ms).contains(at_ms);
                let histograms = in_order(&run.histograms)
                    .into_iter()
                    .filter(|(at_ms, _)| within(at_ms));
                into.extend(histograms.map(|(at_ms, value)| Sample::histogram(at_ms, value)));
                if !run.histograms.is_empty() && !run.floats.is_empty() {
                    let mixed = into.split_off(before);
                    let mixed: Vec<(i64, Sample)> =
                        mixed.into_iter().map(|s| (s.time_ms, s)).collect();
                    into.extend(in_order(&mixed).into_iter().map(|(_, sample)| sample));
                }
                Ok(())
            }
            PartKind::Sealed(sealed) => {
                let read = sealed.read(start_ms, end_ms, into)?;
                read.map_err(|Malformed| sealed.reader.broken())
            }
        }
    }
}

impl Sealed {
    fn read(
        &self,
        start_ms: i64,
        end_ms: i64,
        into: &mut Vec<Sample>,
    ) -> Result<Result<(), Malformed>, StoreError> {
        let block = self.reader.block(self.block, &self.cache)?;
        let rows = self.run.rows as usize;
        if let (RunKind::Grouped { first_row, .. }, Some(moments)) = (self.run.kind, &self.moments)
        {
            if moments.decoded.get().is_none() {
                let block = self.reader.block(moments.block, &self.cache)?;
                let decoded = moments
                    .place
                    .of(&block)
                    .and_then(|bytes| times::decode(&mut Take(bytes)));
                match decoded {
                    Ok(decoded) => drop(moments.decoded.set(decoded)),
                    Err(malformed) => return Ok(Err(malformed)),
                }
            }
            let first = first_row as usize;
            let moments = moments
                .decoded
                .get()
                .and_then(|all| all.get(first..first + rows));
            return Ok((|| {
                let moments = moments.ok_or(Malformed)?;
                let from = moments.partition_point(|at_ms| *at_ms < start_ms);
                let to = moments.partition_point(|at_ms| *at_ms <= end_ms);
                let mut values = Vec::with_capacity(to.saturating_sub(from));
                column::decode(self.run.place.of(&block)?, from, to, &mut values)?;
                give(
                    moments.get(from..to).unwrap_or_default(),
                    &values,
                    start_ms,
                    end_ms,
                    into,
                );
                Ok(())
            })());
        }
        Ok(self.run.place.of(&block).and_then(|bytes| {
            let mut bytes = Take(bytes);
            let moments = times::decode(&mut bytes)?;
            if matches!(self.run.kind, RunKind::Histograms { .. }) {
                for at_ms in moments {
                    let value = Arc::new(histogram::decode(&mut bytes)?);
                    if (start_ms..=end_ms).contains(&at_ms) {
                        into.push(Sample::histogram(at_ms, value));
                    }
                }
                return Ok(());
            }
            let mut values = Vec::new();
            column::decode(bytes.0, 0, rows, &mut values)?;
            give(&moments, &values, start_ms, end_ms, into);
            Ok(())
        }))
    }
}

/// Appends what is there and in time.
fn give(moments: &[i64], values: &[u64], start_ms: i64, end_ms: i64, into: &mut Vec<Sample>) {
    let from = moments.partition_point(|at_ms| *at_ms < start_ms);
    let to = moments.partition_point(|at_ms| *at_ms <= end_ms);
    let there = moments
        .iter()
        .zip(values)
        .take(to)
        .skip(from)
        .filter(|(_, bits)| **bits != ABSENT);
    into.extend(there.map(|(at_ms, bits)| Sample::float(*at_ms, f64::from_bits(*bits))));
}
