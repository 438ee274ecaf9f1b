//! Selectors: series out of the store.

use std::sync::Arc;

use super::super::ast::{Extension, VectorSelector};
use super::extended;
use super::row::{Cell, Row, Sink};
use super::window::seconds;
use super::{Done, EvalError, Evaluator, Reference, Times};
use crate::{Matcher, ResetHint, Sample, Samples, Selected, Selection, Value};

/// What of a sample is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Value,
    /// When it was taken, in seconds.
    Time,
    /// When its counting began, in seconds.
    Start,
}

/// What is read from the store.
#[derive(Clone, Copy)]
pub(super) struct Reading<'q> {
    pub(super) matchers: &'q [Matcher],
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) range_ms: i64,
    pub(super) function: &'q str,
}

impl Evaluator<'_> {
    /// The series of a selector, in order of their labels.
    pub(super) fn series(&self, reading: Reading<'_>) -> Done<Vec<Selected<'_>>> {
        self.check_stop()?;
        let mut series = self.source.select(&Selection {
            matchers: reading.matchers,
            start_ms: reading.from_ms,
            end_ms: reading.to_ms,
            step_ms: self.query.step_ms,
            range_ms: reading.range_ms,
            function: reading.function,
        })?;
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(series)
    }

    pub(super) fn select_vector(
        &self,
        selector: &VectorSelector,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        self.select_wanted(selector, Wanted::Value, times, sink)
    }

    pub(super) fn select_wanted(
        &self,
        selector: &VectorSelector,
        wanted: Wanted,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let smoothed = match selector.extension {
            Some(Extension::Anchored) => {
                return Err(EvalError::failed(
                    "anchored modifier is not supported for instant vectors",
                ));
            }
            Some(Extension::Smoothed) => true,
            None => false,
        };
        if times.count == 0 {
            return Ok(());
        }
        let reference = self.reference(&selector.shift)?;
        let (first, last) = reference.span(times);
        let lookback = self.query.lookback_ms;
        let reading = Reading {
            matchers: &selector.matchers,
            from_ms: first.saturating_sub(lookback).saturating_add(1),
            to_ms: if smoothed {
                last.saturating_add(lookback)
            } else {
                last
            },
            range_ms: 0,
            function: "",
        };
        let mut row = Row::default();
        let mut samples = Vec::new();
        for mut series in self.series(reading)? {
            self.check_stop()?;
            samples.clear();
            read_all(&mut *series.samples, &mut samples)?;
            self.fits(samples.len() as u64)?;
            row.labels = series.labels;
            row.drop_name = wanted != Wanted::Value;
            row.cells.clear();
            if smoothed {
                smooth(&samples, reference, lookback, times, &mut row.cells);
            } else {
                latest(&samples, reference, lookback, wanted, times, &mut row.cells);
            }
            if !row.is_empty() {
                sink(&mut row)?;
            }
        }
        Ok(())
    }
}

pub(super) fn read_all(samples: &mut dyn Samples, into: &mut Vec<Sample>) -> Done {
    while samples.read(into)? {}
    Ok(())
}

/// The newest sample that is not too old, at each time.
fn latest(
    samples: &[Sample],
    reference: Reference,
    lookback: i64,
    wanted: Wanted,
    times: Times,
    cells: &mut Vec<Cell>,
) {
    let mut next = 0;
    cells.extend(times.iter().map(|time| {
        let at = reference.of(time);
        while samples.get(next).is_some_and(|sample| sample.time_ms <= at) {
            next += 1;
        }
        next.checked_sub(1)
            .map(|newest| &samples[newest])
            .filter(|sample| {
                sample.time_ms > at.saturating_sub(lookback) && !sample.value.is_stale()
            })
            .map_or(Cell::Absent, |sample| match wanted {
                Wanted::Value => cell(&sample.value),
                Wanted::Time => Cell::Float(seconds(sample.time_ms)),
                Wanted::Start => Cell::Float(seconds(sample.start_ms)),
            })
    }));
}

pub(super) fn cell(value: &Value) -> Cell {
    match value {
        Value::Float(value) => Cell::Float(*value),
        Value::Histogram(value) => Cell::Histogram(Arc::clone(value)),
    }
}

/// Between the samples before and after each time.
fn smooth(
    samples: &[Sample],
    reference: Reference,
    lookback: i64,
    times: Times,
    cells: &mut Vec<Cell>,
) {
    let mut next = 0;
    cells.extend(times.iter().map(|time| {
        let at = reference.of(time);
        while samples.get(next).is_some_and(|sample| sample.time_ms <= at) {
            next += 1;
        }
        let live = |sample: &&Sample| !sample.value.is_stale();
        let before = samples[..next]
            .iter()
            .rev()
            .find(live)
            .filter(|sample| sample.time_ms > at.saturating_sub(lookback));
        let after = samples[next..]
            .iter()
            .find(live)
            .filter(|sample| sample.time_ms <= at.saturating_add(lookback));
        match (before, after) {
            (Some(before), _) if before.time_ms == at => cell(&before.value),
            (Some(before), Some(after)) => between(before, after, at),
            (Some(before), None) => carried(&before.value),
            (None, _) => Cell::Absent,
        }
    }));
}

fn carried(value: &Value) -> Cell {
    match value {
        Value::Histogram(value) if value.reset_hint != ResetHint::Gauge => {
            let mut value = (**value).clone();
            value.reset_hint = ResetHint::Unknown;
            value.into()
        }
        value => cell(value),
    }
}

fn between(before: &Sample, after: &Sample, at: i64) -> Cell {
    let part = seconds(at - before.time_ms) / seconds(after.time_ms - before.time_ms);
    match (&before.value, &after.value) {
        (Value::Float(a), Value::Float(b)) => Cell::Float(a + (b - a) * part),
        (Value::Histogram(a), Value::Histogram(b)) => {
            let gauges = a.reset_hint == ResetHint::Gauge && b.reset_hint == ResetHint::Gauge;
            let value = extended::interpolated(a, b, part, !gauges);
            value.map_or(Cell::Absent, |mut value| {
                if !gauges {
                    value.reset_hint = ResetHint::Unknown;
                }
                value.into()
            })
        }
        _ => carried(&before.value),
    }
}
