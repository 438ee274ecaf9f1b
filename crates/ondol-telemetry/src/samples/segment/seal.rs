//! From memory to a segment.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::{Histogram, METRIC_NAME};

use super::index::{Builder, RunEntry, RunKind};
use crate::samples::codec::{ABSENT, column, histogram, times};
use crate::samples::head::Head;
use crate::samples::loose::{Run, in_order};
use crate::samples::series::SeriesId;
use crate::store::{SegmentWriter, StoreError};

/// Writes all samples in memory; returns the index.
pub(in crate::samples) fn seal(
    head: &Head,
    writer: &mut SegmentWriter,
) -> Result<Vec<u8>, StoreError> {
    let mut builder = Builder::new(writer);
    let mut scratch = column::Scratch::default();
    // Where the columns of each series are.
    let mut columns: BTreeMap<SeriesId, Vec<(usize, usize, u32)>> = BTreeMap::new();
    for (number, group) in head.groups.iter().enumerate() {
        if group.times.is_empty() {
            continue;
        }
        let times = builder.add_times(&group.key, &group.times)?;
        for (at, column) in group.columns.iter().enumerate() {
            columns
                .entry(column.series)
                .or_default()
                .push((number, at, times));
        }
    }
    let mut values = Vec::new();
    for (metric, labels, id) in in_their_order(head) {
        let mut runs = Vec::new();
        for (group, at, times) in columns.get(&id).map_or(&[][..], Vec::as_slice) {
            values.clear();
            let Some(group) = head.groups.get(*group) else {
                continue;
            };
            let first = group.read(*at, &head.arena, &mut values);
            let run = add_grouped(&mut builder, *times, first, &values, &mut scratch)?;
            runs.extend(run);
        }
        if let Some(run) = head.loose.runs.get(&id) {
            add_loose(&mut builder, run, &mut scratch, &mut runs)?;
        }
        builder.add_series(metric, &labels, &runs);
    }
    builder.finish()
}

/// The order of series in a segment: by metric, then label by label.
pub(super) fn order(a: (&str, &[(&str, &str)]), b: (&str, &[(&str, &str)])) -> Ordering {
    a.cmp(&b)
}

pub(super) fn metric_of<'a>(labels: &[(&'a str, &'a str)]) -> &'a str {
    let name = labels.iter().find(|(name, _)| *name == METRIC_NAME);
    name.map_or("", |(_, metric)| metric)
}

type Labelled<'a> = (&'a str, Vec<(&'a str, &'a str)>, SeriesId);

fn in_their_order(head: &Head) -> Vec<Labelled<'_>> {
    let labelled = |id| {
        let labels: Vec<(&str, &str)> = head.table.labels(id).collect();
        (metric_of(&labels), labels, id)
    };
    let mut series: Vec<Labelled<'_>> = head.table.ids().map(labelled).collect();
    series.sort_by(|a, b| order((a.0, &a.1), (b.0, &b.1)));
    series
}

/// Values of a group from row `first` on; what is absent at both ends is left out.
pub(super) fn add_grouped(
    builder: &mut Builder<'_>,
    times: u32,
    first: usize,
    values: &[u64],
    scratch: &mut column::Scratch,
) -> Result<Option<RunEntry>, StoreError> {
    let is_there = |bits: &u64| *bits != ABSENT;
    let (Some(start), Some(last)) = (
        values.iter().position(is_there),
        values.iter().rposition(is_there),
    ) else {
        return Ok(None);
    };
    let values = values.get(start..=last).unwrap_or_default();
    let place = builder.add(|raw| column::encode(values, scratch, raw))?;
    Ok(Some(RunEntry {
        kind: RunKind::Grouped {
            times,
            first_row: (first + start) as u32,
        },
        rows: values.len() as u32,
        place,
    }))
}

fn add_loose(
    builder: &mut Builder<'_>,
    run: &Run,
    scratch: &mut column::Scratch,
    runs: &mut Vec<RunEntry>,
) -> Result<(), StoreError> {
    runs.extend(add_floats(builder, &in_order(&run.floats), scratch)?);
    runs.extend(add_histograms(builder, &in_order(&run.histograms))?);
    Ok(())
}

pub(super) fn add_floats(
    builder: &mut Builder<'_>,
    floats: &[(i64, u64)],
    scratch: &mut column::Scratch,
) -> Result<Option<RunEntry>, StoreError> {
    let (Some((min_ms, _)), Some((max_ms, _))) = (floats.first(), floats.last()) else {
        return Ok(None);
    };
    let (moments, values): (Vec<i64>, Vec<u64>) = floats.iter().copied().unzip();
    let place = builder.add(|raw| {
        times::encode(&moments, raw);
        column::encode(&values, scratch, raw);
    })?;
    Ok(Some(RunEntry {
        kind: RunKind::Floats {
            min_ms: *min_ms,
            max_ms: *max_ms,
        },
        rows: floats.len() as u32,
        place,
    }))
}

pub(super) fn add_histograms(
    builder: &mut Builder<'_>,
    histograms: &[(i64, Arc<Histogram>)],
) -> Result<Option<RunEntry>, StoreError> {
    let (Some((min_ms, _)), Some((max_ms, _))) = (histograms.first(), histograms.last()) else {
        return Ok(None);
    };
    let moments: Vec<i64> = histograms.iter().map(|(at_ms, _)| *at_ms).collect();
    let place = builder.add(|raw| {
        times::encode(&moments, raw);
        for (_, value) in histograms {
            histogram::encode(value, raw);
        }
    })?;
    Ok(Some(RunEntry {
        kind: RunKind::Histograms {
            min_ms: *min_ms,
            max_ms: *max_ms,
        },
        rows: histograms.len() as u32,
        place,
    }))
}
