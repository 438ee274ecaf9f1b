//! Range aggregations: lines to a value for each series and step.
//!
//! Time is cut into buckets so that every range is made of whole ones. Lines may then come in any order, each is
//! looked at once, and what is held does not depend on how many there are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::reading::{Reading, read, takes_everything};
use super::series::SeriesSet;
use super::tally::Tally;
use super::{EvalError, Query, Statistics};
use crate::logql::ast::{
    Conversion, Grouping, LabelFilter, RangeAggregate, RangeOp, Stage, Unwrap,
};
use crate::logql::pipeline::{LineLabels, Passing, PipelineError, passes};
use crate::logql::source::{LogSource, Order, Wanted};
use crate::logql::{duration, size};
use crate::{Labels, LabelsBuilder, MatchOp, Matcher};

/// Labels, and a value for each step or none.
pub(super) type Row = (Labels, Vec<Option<f64>>);

/// How time is cut.
struct Buckets {
    /// Where the first one begins; it does not belong to it.
    start_ns: i64,
    width_ns: u64,
    /// From the first one of a range to that of the next step.
    stride: u64,
    /// So many are a range.
    per_range: u64,
}

impl Buckets {
    fn of(query: &Query<'_>, aggregate: &RangeAggregate) -> Self {
        let range_ns = aggregate.range.range_ns.unsigned_abs();
        let step_ns = if query.is_instant() {
            range_ns
        } else {
            query.step_ns.unsigned_abs()
        };
        let width_ns = common_divisor(range_ns, step_ns);
        Self {
            start_ns: query
                .start_ns
                .saturating_sub(aggregate.range.offset_ns)
                .saturating_sub(aggregate.range.range_ns),
            width_ns,
            stride: step_ns / width_ns,
            per_range: range_ns / width_ns,
        }
    }

    /// Of a moment; none when it is in no range.
    fn at(&self, at_ns: i64) -> Option<u64> {
        let since = at_ns.abs_diff(self.start_ns);
        let bucket = (at_ns > self.start_ns).then(|| (since - 1) / self.width_ns)?;
        (bucket % self.stride < self.per_range || self.stride <= self.per_range).then_some(bucket)
    }
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// `grouping`: of the aggregate itself, or of one above it that gives the same when it is done here.
pub(super) fn evaluate(
    query: &Query<'_>,
    aggregate: &RangeAggregate,
    grouping: Option<&Grouping>,
    source: &dyn LogSource,
    statistics: &mut Statistics,
) -> Result<Vec<Row>, EvalError> {
    let buckets = Buckets::of(query, aggregate);
    let range = &aggregate.range;
    let unwrapped = range.unwrap.as_ref();
    let by_itself = aggregate.grouping.as_ref().is_some_and(|own| !own.without);
    let value_label = unwrapped
        .map(|unwrap| unwrap.label.as_str())
        .filter(|_| !by_itself);
    // Whether anything is there at all is asked of no series.
    let nothing = Grouping::default();
    let grouping = if aggregate.op == RangeOp::Absent {
        Some(&nothing)
    } else {
        grouping
    };
    let mut series = SeriesSet::new(grouping, value_label, query.limits.series);
    let reading = Reading {
        log: &range.query,
        start_ns: buckets.start_ns.saturating_add(1),
        end_ns: query.end_ns.saturating_sub(range.offset_ns),
        order: Order::Any,
        wanted: wanted(aggregate, grouping),
        lines_about: None,
    };
    let mut held = 0_u64;
    read(query, reading, source, statistics, &mut |mut passing| {
        let Some(bucket) = buckets.at(passing.at_ns) else {
            return Ok(ControlFlow::Continue(()));
        };
        let Some(value) = value(aggregate, &mut passing)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let tally = Tally::of(aggregate.op, passing.at_ns, value);
        match series.of(&passing.labels)?.entry(bucket) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                held += u64::from(matches!(tally, Tally::Points(_)));
                known.get_mut().add(&tally);
            }
            std::collections::btree_map::Entry::Vacant(new) => {
                held += 1;
                new.insert(tally);
            }
        }
        if held > query.limits.values {
            return Err(EvalError::too_many("values", query.limits.values));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if aggregate.op == RangeOp::Absent {
        return absent(query, aggregate, &buckets, &series);
    }
    let cells = query.steps().saturating_mul(series.all.len() as u64);
    if cells > query.limits.values {
        return Err(EvalError::too_many("values", query.limits.values));
    }
    (series.all.into_iter())
        .map(|(labels, tallies)| Ok((labels, steps(query, aggregate, &buckets, &tallies)?)))
        .collect()
}

/// The value that a line has; none when it has no such label.
fn value(aggregate: &RangeAggregate, passing: &mut Passing<'_>) -> Result<Option<f64>, EvalError> {
    let labels = &mut passing.labels;
    let value = match &aggregate.range.unwrap {
        None => Some(match aggregate.op {
            RangeOp::Bytes | RangeOp::BytesRate => passing.line.len() as f64,
            _ => 1.0,
        }),
        Some(unwrap) => unwrap_value(unwrap, labels),
    };
    let Some(value) = value else {
        return Ok(None);
    };
    match labels.error() {
        Some((error, details)) if !labels.keeps_errors() => Err(EvalError::Pipeline {
            error: *error,
            details: details.clone(),
            series: labels_of(labels),
        }),
        _ => Ok(Some(value)),
    }
}

fn unwrap_value(unwrap: &Unwrap, labels: &mut LineLabels<'_>) -> Option<f64> {
    let text = labels.get(&unwrap.label)?;
    let value = match unwrap.conversion {
        None => text.parse().ok(),
        Some(Conversion::Bytes) => size::parse(text).map(|bytes| bytes as f64),
        Some(Conversion::Duration | Conversion::DurationSeconds) => {
            duration::parse_value(text).map(|ns| ns as f64 / 1e9)
        }
    };
    if value.is_none() {
        let expected = match unwrap.conversion {
            None => "number",
            Some(Conversion::Bytes) => "size",
            Some(Conversion::Duration | Conversion::DurationSeconds) => "duration",
        };
        let reason = format!(
            "the label {} is {}; expected a {expected}",
            unwrap.label,
            crate::quote::Quoted(text)
        );
        labels.fail(PipelineError::Extraction, reason);
    }
    let kept = unwrap.filters.iter().all(|filter| passes(filter, labels));
    kept.then(|| value.unwrap_or(0.0))
}

fn labels_of(labels: &LineLabels<'_>) -> Labels {
    let mut builder = LabelsBuilder::default();
    for (name, value) in labels
        .shown()
        .filter(|(name, _)| !name.starts_with("__error"))
    {
        builder.set(name, value);
    }
    builder.build()
}

/// The value of one series at each step.
fn steps(
    query: &Query<'_>,
    aggregate: &RangeAggregate,
    buckets: &Buckets,
    tallies: &BTreeMap<u64, Tally>,
) -> Result<Vec<Option<f64>>, EvalError> {
    let parameter = aggregate.parameter.map_or(f64::NAN, |number| number.0);
    let unwrapped = aggregate.range.unwrap.is_some();
    let mut values = Vec::new();
    for step in 0..query.steps() {
        query.check_stop()?;
        let first = step * buckets.stride;
        let mut of_range = tallies
            .range(first..first + buckets.per_range)
            .map(|(_, tally)| tally);
        let Some(mut all) = of_range.next().cloned() else {
            values.push(None);
            continue;
        };
        of_range.for_each(|tally| all.add(tally));
        let end_ns = i64::try_from((first + buckets.per_range).saturating_mul(buckets.width_ns))
            .map_or(i64::MAX, |length_ns| {
                buckets.start_ns.saturating_add(length_ns)
            });
        let when = (end_ns, aggregate.range.range_ns);
        values.push(all.value(aggregate.op, unwrapped, parameter, when));
    }
    Ok(values)
}

/// 1 where no line is, with the labels that a line would have.
fn absent(
    query: &Query<'_>,
    aggregate: &RangeAggregate,
    buckets: &Buckets,
    series: &SeriesSet<'_>,
) -> Result<Vec<Row>, EvalError> {
    let mut values = vec![Some(1.0); usize::try_from(query.steps()).unwrap_or(0)];
    for (_, tallies) in &series.all {
        let there = steps(query, aggregate, buckets, tallies)?;
        for (value, there) in values.iter_mut().zip(there) {
            *value = value.filter(|_| there.is_none());
        }
    }
    Ok(vec![(
        absent_labels(&aggregate.range.query.matchers),
        values,
    )])
}

fn absent_labels(matchers: &[Matcher]) -> Labels {
    let mut builder = LabelsBuilder::default();
    for matcher in matchers {
        let alone = matchers
            .iter()
            .filter(|other| other.name() == matcher.name())
            .count()
            == 1;
        if alone && matcher.op() == MatchOp::Equal {
            builder.set(matcher.name(), matcher.value());
        }
    }
    builder.build()
}

/// What of each line matters.
fn wanted<'a>(aggregate: &'a RangeAggregate, grouping: Option<&'a Grouping>) -> Wanted<'a> {
    let range = &aggregate.range;
    let Some(Grouping {
        without: false,
        labels,
    }) = grouping
    else {
        return Wanted::All;
    };
    if range.query.stages.iter().any(takes_everything) {
        return Wanted::All;
    }
    let mut names: Vec<&str> = labels.iter().map(String::as_str).collect();
    let mut line = matches!(aggregate.op, RangeOp::Bytes | RangeOp::BytesRate);
    for stage in &range.query.stages {
        match stage {
            Stage::Label(filter) => named(filter, &mut names),
            _ => line = true,
        }
    }
    if let Some(unwrap) = &range.unwrap {
        names.push(&unwrap.label);
        unwrap
            .filters
            .iter()
            .for_each(|filter| named(filter, &mut names));
    }
    names.sort_unstable();
    names.dedup();
    Wanted::Labels { names, line }
}

fn named<'a>(filter: &'a LabelFilter, names: &mut Vec<&'a str>) {
    match filter {
        LabelFilter::Text(matcher) => names.push(matcher.name()),
        LabelFilter::Value(comparison) => names.push(&comparison.label),
        LabelFilter::Ip { label, .. } => names.push(label),
        LabelFilter::And(sides) | LabelFilter::Or(sides) => {
            sides.iter().for_each(|side| named(side, names));
        }
    }
}
