//! Questions: which series match, and their samples in order.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use ondol_query::{
    Label, Labels, METRIC_NAME, MatchOp, Matcher, Sample, Selected, Selection, Source, SourceError,
};

use super::codec::{ABSENT, column, histogram, times};
use super::engine::Samples;
use super::group::Group;
use super::head::Head;
use super::loose::{Run, in_order};
use super::segment::{Index, Place, RunEntry, RunKind};
use crate::bytes::{Malformed, Take};
use crate::store::{Block, Cache, SegmentReader, StoreError};

impl Source for Samples {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let mut found = Found {
            parts: BTreeMap::new(),
            max: self.config.limits.query_series_max,
        };
        let (start_ms, end_ms) = (selection.start_ms, selection.end_ms);
        for reader in self.segments.within(start_ms, end_ms) {
            select_segment(reader, &self.cache, selection, &mut found)?;
        }
        select_head(&self.head, selection, &mut found)?;
        let series = found.parts.into_iter().map(|(labels, mut parts)| {
            parts.sort_by_key(|part| part.span_ms.0);
            let is_apart = |two: &[Part<'_>]| match two {
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

struct Found<'s> {
    parts: BTreeMap<Labels, Vec<Part<'s>>>,
    max: usize,
}

impl<'s> Found<'s> {
    fn add(&mut self, labels: Labels, part: Part<'s>) -> Result<(), SourceError> {
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

/// The samples of a series in one place.
struct Part<'s> {
    /// Earliest and latest moment that there may be.
    span_ms: (i64, i64),
    /// Of two samples at one moment the one from the higher place counts: what came later.
    rank: u64,
    kind: PartKind<'s>,
}

enum PartKind<'s> {
    Column {
        group: &'s Group,
        at: usize,
        head: &'s Head,
    },
    Loose(&'s Run),
    Sealed(Sealed<'s>),
}

struct Sealed<'s> {
    reader: Arc<SegmentReader>,
    cache: &'s Cache,
    block: Block,
    run: RunEntry,
    /// The moments of its group.
    moments: Option<Rc<Moments>>,
}

/// Moments that many series share, decoded when the first of them is read.
struct Moments {
    block: Block,
    place: Place,
    decoded: OnceCell<Vec<i64>>,
}

/// The texts of one place, and what is known of them.
struct Texts {
    shared: Vec<Option<Arc<str>>>,
    /// For each matcher and each text: not asked yet, yes, no.
    verdicts: Vec<Vec<u8>>,
}

impl Texts {
    fn new(count: usize, matchers: &[Matcher]) -> Self {
        Texts {
            shared: vec![None; count],
            verdicts: vec![vec![0; count]; matchers.len()],
        }
    }

    fn shared(&mut self, symbol: u32, text: &str) -> Arc<str> {
        match self.shared.get_mut(symbol as usize) {
            Some(shared) => shared.get_or_insert_with(|| text.into()).clone(),
            None => text.into(),
        }
    }

    /// Whether a series with these pairs passes.
    fn pass<'t>(
        &mut self,
        matchers: &[Matcher],
        pairs: &[(u32, u32)],
        text: impl Fn(u32) -> &'t str,
    ) -> bool {
        matchers
            .iter()
            .zip(&mut self.verdicts)
            .all(|(matcher, verdicts)| {
                let value = pairs.iter().find(|(name, _)| text(*name) == matcher.name());
                let Some((_, value)) = value else {
                    return matcher.matches_empty();
                };
                match verdicts.get_mut(*value as usize) {
                    Some(verdict) => {
                        if *verdict == 0 {
                            *verdict = 1 + u8::from(!matcher.matches(text(*value)));
                        }
                        *verdict == 1
                    }
                    None => matcher.matches(text(*value)),
                }
            })
    }

    fn labels<'t>(&mut self, pairs: &[(u32, u32)], text: impl Fn(u32) -> &'t str) -> Labels {
        let label = |(name, value): &(u32, u32)| Label {
            name: self.shared(*name, text(*name)),
            value: self.shared(*value, text(*value)),
        };
        Labels::from_sorted(pairs.iter().map(label).collect())
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

fn select_head<'s>(
    head: &'s Head,
    selection: &Selection<'_>,
    found: &mut Found<'s>,
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
        for (at, column) in group.columns.iter().enumerate() {
            if let Some(labels) = labels_of(column.series) {
                let kind = PartKind::Column { group, at, head };
                let part = Part {
                    span_ms: (*first, *last),
                    rank: u64::MAX - 1,
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
                rank: u64::MAX,
                kind: PartKind::Loose(run),
            };
            found.add(labels.clone(), part)?;
        }
    }
    Ok(())
}

fn select_segment<'s>(
    reader: &Arc<SegmentReader>,
    cache: &'s Cache,
    selection: &Selection<'_>,
    found: &mut Found<'s>,
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
                cache,
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
struct Reading<'s> {
    parts: std::collections::VecDeque<Part<'s>>,
    /// Each part ends before the next begins.
    apart: bool,
    start_ms: i64,
    end_ms: i64,
}

impl ondol_query::Samples for Reading<'_> {
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
        let mut parts: Vec<Part<'_>> = self.parts.drain(..).collect();
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

impl Part<'_> {
    fn read(&self, start_ms: i64, end_ms: i64, into: &mut Vec<Sample>) -> Result<(), StoreError> {
        match &self.kind {
            PartKind::Column { group, at, head } => {
                let mut values = Vec::new();
                let first = group.read(*at, &head.arena, &mut values);
                let moments = group.times.get(first..).unwrap_or_default();
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

impl Sealed<'_> {
    fn read(
        &self,
        start_ms: i64,
        end_ms: i64,
        into: &mut Vec<Sample>,
    ) -> Result<Result<(), Malformed>, StoreError> {
        let block = self.reader.block(self.block, self.cache)?;
        let rows = self.run.rows as usize;
        if let (RunKind::Grouped { first_row, .. }, Some(moments)) = (self.run.kind, &self.moments)
        {
            if moments.decoded.get().is_none() {
                let block = self.reader.block(moments.block, self.cache)?;
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
