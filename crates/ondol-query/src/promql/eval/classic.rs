//! Quantiles and fractions of histograms, native ones and those made of `le` buckets.

use std::collections::BTreeMap;

use super::super::annotation::{Forced, for_metric};
use super::super::ast::{Call, Expr};
use super::row::{Cell, Row, Rows, Sink};
use super::{Done, Evaluator, Times};
use crate::histogram::NanEffect;
use crate::place::Place;
use crate::quote::Quoted;
use crate::{Histogram, Labels};

/// Counts that differ by less are taken to be the same.
const TOLERANCE: f64 = 1e-12;
const BOUND: &str = "le";

/// A bucket: everything up to its bound.
#[derive(Debug, Clone, Copy)]
struct Upto {
    bound: f64,
    count: f64,
}

/// Buckets that belong together, as rows of the input.
struct Family {
    buckets: Vec<(f64, usize)>,
    native: Option<usize>,
}

struct Families {
    rows: Vec<Row>,
    /// In order of appearance.
    list: Vec<(Labels, Family)>,
}

/// Which quantiles are wanted, at each step.
struct Wanted {
    /// The label that tells them apart; none when there is only one.
    label: Option<String>,
    values: Vec<Vec<f64>>,
}

impl Evaluator<'_> {
    fn families(&self, arg: &Expr, times: Times) -> Done<Families> {
        let rows = self.vector(arg, times)?;
        let mut index: BTreeMap<Labels, usize> = BTreeMap::new();
        let mut list: Vec<(Labels, Family)> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let floats = row.cells.iter().any(|cell| cell.float().is_some());
            let histograms = row.cells.iter().any(Cell::is_histogram);
            let mut family = |labels: Labels| {
                *index.entry(labels.clone()).or_insert_with(|| {
                    let family = Family {
                        buckets: Vec::new(),
                        native: None,
                    };
                    list.push((labels, family));
                    list.len() - 1
                })
            };
            let whole = histograms.then(|| family(row.labels.clone()));
            let part = floats.then(|| (family(row.labels.without(BOUND)), row.labels.get(BOUND)));
            if let Some(found) = whole {
                list[found].1.native = Some(at);
            }
            let Some((found, bound)) = part else {
                continue;
            };
            match crate::number::parse(bound).filter(|_| !bound.is_empty()) {
                Some(bound) => list[found].1.buckets.push((bound, at)),
                None => self.warn(
                    arg.bare().place(),
                    format!(
                        "bucket label \"le\" is missing or has a malformed value of {}{}",
                        Quoted(bound),
                        for_metric(row.labels.metric_name())
                    ),
                ),
            }
        }
        Ok(Families { rows, list })
    }

    pub(super) fn histogram_quantile(
        &self,
        q: &Expr,
        arg: &Expr,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let wanted = Wanted {
            label: None,
            values: vec![self.quantile_values(q, times)?],
        };
        self.quantiles(&wanted, arg, q.bare().place(), times, sink)
    }

    pub(super) fn histogram_quantiles(
        &self,
        arg: &Expr,
        label: &Expr,
        qs: &[Expr],
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let name = match label.bare() {
            Expr::String(literal) => super::aggregate::check_label_name(&literal.value)?,
            _ => String::new(),
        };
        let mut values = Vec::new();
        for q in qs {
            values.push(self.quantile_values(q, times)?);
        }
        let wanted = Wanted {
            label: Some(name),
            values,
        };
        self.quantiles(&wanted, arg, arg.bare().place(), times, sink)
    }

    fn quantile_values(&self, q: &Expr, times: Times) -> Done<Vec<f64>> {
        let values = self.scalar(q, times)?;
        for q_value in &values {
            self.check_quantile(*q_value, q.bare().place());
        }
        Ok(values)
    }

    /// `of_native` is what annotations about native histograms are about.
    fn quantiles(
        &self,
        wanted: &Wanted,
        arg: &Expr,
        of_native: Place,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let of_buckets = arg.bare().place();
        self.each_histogram(arg, times, sink, &mut |out, labels, step, input| {
            let metric = labels.metric_name();
            for values in &wanted.values {
                let q = values[step];
                let value = match &input {
                    Input::Native(histogram) => {
                        self.native_quantile(q, histogram, metric, of_native)
                    }
                    Input::Classic(buckets) => {
                        let (value, forced) = bucket_quantile(q, buckets.clone());
                        if let Some(mut forced) = forced {
                            forced.time_ms = times.at(step);
                            self.notes.borrow_mut().forced(of_buckets, metric, forced);
                        }
                        value
                    }
                };
                let labels = match &wanted.label {
                    None => labels.clone(),
                    Some(name) => {
                        let mut builder = labels.to_builder();
                        builder.set(name, &crate::number::label_value(q));
                        builder.build()
                    }
                };
                let row = out.row(&labels);
                row.drop_name = true;
                row.cells[step] = Cell::Float(value);
            }
        })
    }

    pub(super) fn histogram_fraction(
        &self,
        call: &Call,
        arg: &Expr,
        (lower, upper): &(Vec<f64>, Vec<f64>),
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let first = call
            .args
            .first()
            .map_or(call.place, |arg| arg.bare().place());
        self.each_histogram(arg, times, sink, &mut |out, labels, step, input| {
            let value = match input {
                Input::Native(histogram) => {
                    let fraction = histogram.fraction(lower[step], upper[step]);
                    if fraction.without_nan {
                        self.info(
                            first,
                            format!(
                                "input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
                                for_metric(labels.metric_name())
                            ),
                        );
                    }
                    fraction.value
                }
                Input::Classic(buckets) => bucket_fraction(lower[step], upper[step], buckets),
            };
            let row = out.row(labels);
            row.drop_name = true;
            row.cells[step] = Cell::Float(value);
        })
    }

    fn native_quantile(&self, q: f64, histogram: &Histogram, metric: &str, place: Place) -> f64 {
        let quantile = histogram.quantile(q);
        let effect = match quantile.nan {
            NanEffect::None => return quantile.value,
            NanEffect::Result => "result is NaN",
            NanEffect::Skew => "result is skewed higher",
        };
        self.info(
            place,
            format!(
                "input to histogram_quantile has NaN observations, {effect}{}",
                for_metric(metric)
            ),
        );
        quantile.value
    }

    /// Gives each histogram at each step.
    fn each_histogram(
        &self,
        arg: &Expr,
        times: Times,
        sink: Sink<'_>,
        give: &mut dyn FnMut(&mut Rows, &Labels, usize, Input<'_>),
    ) -> Done {
        let families = self.families(arg, times)?;
        let mut out = Rows::new(times.count);
        for natives in [true, false] {
            for (labels, family) in &families.list {
                for step in 0..times.count {
                    let value = |at: usize| &families.rows[at].cells[step];
                    let buckets: Vec<Upto> = family
                        .buckets
                        .iter()
                        .filter_map(|(bound, at)| {
                            value(*at).float().map(|count| Upto {
                                bound: *bound,
                                count,
                            })
                        })
                        .collect();
                    let native = match family.native.map(value) {
                        Some(Cell::Histogram(native)) => Some(native),
                        _ => None,
                    };
                    match native {
                        Some(_) if !buckets.is_empty() => self.warn(
                            arg.bare().place(),
                            format!(
                                "vector contains a mix of classic and native histograms{}",
                                for_metric(labels.metric_name())
                            ),
                        ),
                        Some(native) if natives => {
                            give(&mut out, labels, step, Input::Native(native));
                        }
                        None if !natives && !buckets.is_empty() => {
                            give(&mut out, labels, step, Input::Classic(buckets));
                        }
                        _ => {}
                    }
                }
            }
        }
        out.give(sink)
    }
}

enum Input<'h> {
    Native(&'h Histogram),
    Classic(Vec<Upto>),
}

/// In order, each bound once, the last one infinite.
fn joined(mut buckets: Vec<Upto>) -> Option<Vec<Upto>> {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last()?.bound != f64::INFINITY {
        return None;
    }
    let mut joined: Vec<Upto> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match joined.last_mut() {
            Some(last) if last.bound.to_bits() == bucket.bound.to_bits() => {
                last.count += bucket.count;
            }
            _ => joined.push(bucket),
        }
    }
    Some(joined)
}

/// Raises counts that fall; what was raised, unless it is too little to speak of.
fn raise(buckets: &mut [Upto]) -> Option<Forced> {
    let mut forced: Option<Forced> = None;
    let (first, rest) = buckets.split_first_mut()?;
    let mut before = first.count;
    for bucket in rest {
        if crate::almost::equal(before, bucket.count, TOLERANCE) {
            bucket.count = before;
        } else if bucket.count < before {
            let (by, bound) = (before - bucket.count, bucket.bound);
            let new = forced.get_or_insert(Forced {
                time_ms: 0,
                lower: bound,
                upper: bound,
                by,
            });
            new.lower = new.lower.min(bound);
            new.upper = new.upper.max(bound);
            new.by = new.by.max(by);
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

fn bucket_quantile(q: f64, buckets: Vec<Upto>) -> (f64, Option<Forced>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    let Some(mut buckets) = joined(buckets) else {
        return (f64::NAN, None);
    };
    let forced = raise(&mut buckets);
    if buckets.len() < 2 {
        return (f64::NAN, forced);
    }
    let most = buckets.len() - 1;
    let observations = buckets[most].count;
    if observations == 0.0 {
        return (f64::NAN, forced);
    }
    let rank = q * observations;
    let at = buckets[..most]
        .iter()
        .position(|bucket| bucket.count >= rank)
        .unwrap_or(most);
    if at == most {
        return (buckets[most - 1].bound, forced);
    }
    let end = buckets[at].bound;
    if at == 0 && end <= 0.0 {
        return (end, forced);
    }
    let (start, below) = match at.checked_sub(1) {
        Some(before) => (buckets[before].bound, buckets[before].count),
        None => (0.0, 0.0),
    };
    let part = (rank - below) / (buckets[at].count - below);
    (start + (end - start) * part, forced)
}

fn bucket_fraction(lower: f64, upper: f64, buckets: Vec<Upto>) -> f64 {
    let Some(buckets) = joined(buckets) else {
        return f64::NAN;
    };
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    // Where the first bucket reaches above zero, there is nothing below zero.
    let above = buckets[0].bound > 0.0;
    let lowest = if above { 0.0 } else { f64::NEG_INFINITY };
    let rank = |value: f64| {
        let (mut start, mut rank) = (lowest, 0.0);
        for bucket in &buckets {
            if start >= value {
                return rank;
            }
            if bucket.bound > value {
                if start == f64::NEG_INFINITY {
                    return bucket.count;
                }
                return rank + (bucket.count - rank) * (value - start) / (bucket.bound - start);
            }
            (start, rank) = (bucket.bound, bucket.count);
        }
        count
    };
    (rank(upper).min(count) - rank(lower).min(count)) / count
}
