//! Questions: which series match, and their samples in order.

mod part;
mod texts;

use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use ondol_query::{
    Labels, METRIC_NAME, MatchOp, Matcher, Sample, Selected, Selection, Source, SourceError,
};

use self::part::{Moments, Part, PartKind, Sealed};
use self::texts::Texts;
use super::engine::{Frozen, Samples};
use super::head::Head;
use super::loose::in_order;
use super::segment::{Index, RunKind};
use crate::bytes::Malformed;
use crate::store::{Cache, SegmentReader, StoreError};

/// Ranks of what is in memory: above all segments, and what came later above what came before.
const FROZEN_RANK: u64 = u64::MAX - 3;
const LIVE_RANK: u64 = u64::MAX - 1;

impl Source for Samples {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        self.take(selection)?.answer(selection)
    }
}

impl Samples {
    /// Takes what is needed to answer later without the engine: the segments, which never change, and a copy of what
    /// is in memory.
    pub(crate) fn take(&self, selection: &Selection<'_>) -> Result<Taken, SourceError> {
        let mut found = Found {
            parts: BTreeMap::new(),
            max: self.config.limits.query_series_max,
        };
        select_head(&self.head, selection, LIVE_RANK, &mut found)?;
        let readers = self.segments.within(selection.start_ms, selection.end_ms);
        Ok(Taken {
            readers: readers.cloned().collect(),
            frozen: self.frozen.clone(),
            cache: self.cache.clone(),
            found,
        })
    }
}

/// What a question took from the engine.
pub(crate) struct Taken {
    readers: Vec<Arc<SegmentReader>>,
    frozen: Option<Arc<Frozen>>,
    cache: Arc<Cache>,
    found: Found,
}

impl Taken {
    /// The series, from the segments too. Nothing is decoded yet.
    pub(crate) fn answer<'s>(
        self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Selected<'s>>, SourceError> {
        let Taken {
            readers,
            frozen,
            cache,
            mut found,
        } = self;
        if let Some(frozen) = &frozen {
            select_head(&frozen.head, selection, FROZEN_RANK, &mut found)?;
        }
        for reader in &readers {
            select_segment(reader, &cache, selection, &mut found)?;
        }
        let (start_ms, end_ms) = (selection.start_ms, selection.end_ms);
        let series = found.parts.into_iter().map(|(labels, mut parts)| {
            parts.sort_by_key(|part| part.span_ms.0);
            let is_apart = |two: &[Part]| match two {
                [a, b] => a.span_ms.1 < b.span_ms.0,
                _ => true,
            };
            let apart = parts.windows(2).all(is_apart);
            let samples = Reading {
                parts: parts.into(),
                apart,
                start_ms,
                end_ms,
            };
            Selected {
                labels,
                samples: Box::new(samples),
            }
        });
        Ok(series.collect())
    }
}

struct Found {
    parts: BTreeMap<Labels, Vec<Part>>,
    max: usize,
}

impl Found {
    fn add(&mut self, labels: Labels, part: Part) -> Result<(), SourceError> {
        self.parts.entry(labels).or_default().push(part);
        match self.parts.len() > self.max {
            true => Err(SourceError::TooMuch {
                what: "series",
                limit: self.max as u64,
            }),
            false => Ok(()),
        }
    }
}

fn metric_of(matchers: &[Matcher]) -> Option<&str> {
    let is_name = |matcher: &&Matcher| {
        matcher.name() == METRIC_NAME
            && matcher.op() == MatchOp::Equal
            && !matcher.value().is_empty()
    };
    matchers.iter().find(is_name).map(Matcher::value)
}

fn select_head(
    head: &Head,
    selection: &Selection<'_>,
    rank: u64,
    found: &mut Found,
) -> Result<(), SourceError> {
    let table = &head.table;
    let text = |symbol| table.symbols.get(symbol);
    let mut texts = Texts::new(table.symbols.len(), selection.matchers);
    let mut matched: Vec<Option<Labels>> = Vec::new();
    let mut consider = |id: u32| {
        let pairs = table.pairs(id);
        if texts.pass(selection.matchers, pairs, text) {
            let at = id as usize;
            matched.resize(matched.len().max(at + 1), None);
            if let Some(place) = matched.get_mut(at) {
                *place = Some(texts.labels(pairs, text));
            }
        }
    };
    match metric_of(selection.matchers) {
        Some(metric) => table.of_metric(metric).iter().for_each(|id| consider(*id)),
        None => table.ids().for_each(consider),
    }
    if matched.is_empty() {
        return Ok(());
    }
    let labels_of = |id: u32| matched.get(id as usize).and_then(Option::as_ref);
    for group in &head.groups {
        let (Some(first), Some(last)) = (group.times.first(), group.times.last()) else {
            continue;
        };
        if *first > selection.end_ms || *last < selection.start_ms {
            continue;
        }
        let rows = OnceCell::new();
        for (at, column) in group.columns.iter().enumerate() {
            if let Some(labels) = labels_of(column.series) {
                let kind = PartKind::Column {
                    rows: rows.get_or_init(|| group.rows()).clone(),
                    column: group.copy(at, &head.arena),
                };
                let part = Part {
                    span_ms: (*first, *last),
                    rank,
                    kind,
                };
                found.add(labels.clone(), part)?;
            }
        }
    }
    for (id, run) in &head.loose.runs {
        if let Some(labels) = labels_of(*id) {
            let floats = run.floats.iter().map(|(at_ms, _)| *at_ms);
            let histograms = run.histograms.iter().map(|(at_ms, _)| *at_ms);
            let span = floats
                .chain(histograms)
                .fold((i64::MAX, i64::MIN), |span, at_ms| {
                    (span.0.min(at_ms), span.1.max(at_ms))
                });
            let part = Part {
                span_ms: span,
                rank: rank + 1,
                kind: PartKind::Loose(run.clone()),
            };
            found.add(labels.clone(), part)?;
        }
    }
    Ok(())
}

fn select_segment(
    reader: &Arc<SegmentReader>,
    cache: &Arc<Cache>,
    selection: &Selection<'_>,
    found: &mut Found,
) -> Result<(), SourceError> {
    let bytes = reader.index(cache).map_err(broken)?;
    let malformed = |Malformed| broken(reader.broken());
    let index = Index::parse(&bytes).map_err(malformed)?;
    let moments = (index.times.iter())
        .map(|entry| {
            let block = index.block(entry.place.block)?;
            let decoded = OnceCell::new();
            Ok(Rc::new(Moments {
                block,
                place: entry.place,
                decoded,
            }))
        })
        .collect::<Result<Vec<_>, Malformed>>()
        .map_err(malformed)?;
    let text = |symbol| index.symbol(symbol).unwrap_or_default();
    let mut texts = Texts::new(index.symbol_count(), selection.matchers);
    for entry in index.series(metric_of(selection.matchers)) {
        let entry = entry.map_err(malformed)?;
        if !texts.pass(selection.matchers, &entry.pairs, text) {
            continue;
        }
        let mut labels = None;
        for run in entry.runs {
            let (span_ms, moments) = match run.kind {
                RunKind::Grouped { times, .. } => {
                    let at = times as usize;
                    let Some((entry, moments)) = index.times.get(at).zip(moments.get(at)) else {
                        return Err(malformed(Malformed));
                    };
                    ((entry.min_ms, entry.max_ms), Some(moments.clone()))
                }
                RunKind::Floats { min_ms, max_ms } | RunKind::Histograms { min_ms, max_ms } => {
                    ((min_ms, max_ms), None)
                }
            };
            if span_ms.0 > selection.end_ms || span_ms.1 < selection.start_ms {
                continue;
            }
            let labels = labels.get_or_insert_with(|| texts.labels(&entry.pairs, text));
            let sealed = Sealed {
                reader: reader.clone(),
                cache: cache.clone(),
                block: index.block(run.place.block).map_err(malformed)?,
                run,
                moments,
            };
            let kind = PartKind::Sealed(sealed);
            let part = Part {
                span_ms,
                rank: reader.number(),
                kind,
            };
            found.add(labels.clone(), part)?;
        }
    }
    Ok(())
}

fn broken(error: StoreError) -> SourceError {
    SourceError::Broken(Box::new(error))
}

/// The samples of one series.
struct Reading {
    parts: VecDeque<Part>,
    /// Each part ends before the next begins.
    apart: bool,
    start_ms: i64,
    end_ms: i64,
}

impl ondol_query::Samples for Reading {
    fn read(&mut self, into: &mut Vec<Sample>) -> Result<bool, SourceError> {
        let before = into.len();
        if self.apart {
            while let Some(part) = self.parts.pop_front() {
                part.read(self.start_ms, self.end_ms, into)
                    .map_err(broken)?;
                if into.len() > before {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        // Parts that lie over each other are few and short: late samples, a clock that was set back.
        let mut parts: Vec<Part> = self.parts.drain(..).collect();
        self.apart = true;
        parts.sort_by_key(|part| part.rank);
        let mut all: Vec<(i64, Sample)> = Vec::new();
        for part in parts {
            let mut samples = Vec::new();
            part.read(self.start_ms, self.end_ms, &mut samples)
                .map_err(broken)?;
            all.extend(samples.into_iter().map(|sample| (sample.time_ms, sample)));
        }
        into.extend(in_order(&all).into_iter().map(|(_, sample)| sample));
        Ok(into.len() > before)
    }
}
