//! Functions of ranges: each series, each step, the samples in a window before it.

use super::super::ast::{Call, Expr, Extension, MatrixSelector, Subquery};
use super::row::{Cell, Row, Sink};
use super::select::Reading;
use super::window::{Buffer, Cursor, Window};
use super::{Done, EvalError, Evaluator, Reference, Series, Times, extended};
use crate::{Labels, METRIC_NAME, Sample};

/// Gets the series of a range: labels, whether their name is to be dropped, and all samples.
type RangeSink<'s> = &'s mut dyn FnMut(&Labels, bool, &Buffer) -> Done;

/// Which range.
#[derive(Clone, Copy)]
pub(super) struct Ranged {
    pub(super) reference: Reference,
    pub(super) range_ms: i64,
    pub(super) extension: Option<Extension>,
    lookback_ms: i64,
}

impl Ranged {
    /// The window of a time of evaluation.
    fn window<'b>(self, buffer: &'b Buffer, cursor: &mut Cursor, time: i64) -> Window<'b> {
        let end_ms = self.reference.of(time);
        let start_ms = end_ms.saturating_sub(self.range_ms);
        let (mut from, mut to) = (start_ms, end_ms);
        if self.extension.is_some() {
            from = from.saturating_sub(self.lookback_ms);
        }
        if self.extension == Some(Extension::Smoothed) {
            to = to.saturating_add(self.lookback_ms);
        }
        let (floats, histograms) = cursor.window(buffer, from, to);
        Window {
            floats,
            histograms,
            start_ms,
            end_ms,
            has_starts: buffer.has_starts,
            falls: &buffer.falls,
            first: cursor.first(),
        }
    }
}

/// What a function of a range knows beside its samples.
pub(super) struct RangeCall<'c> {
    pub(super) call: &'c Call,
    pub(super) extension: Option<Extension>,
    pub(super) metric: &'c str,
    /// Numbers that it also takes, at this step.
    pub(super) numbers: [f64; 2],
    /// The time of evaluation.
    pub(super) time_ms: i64,
}

impl Evaluator<'_> {
    /// A function that takes a range as one of its arguments.
    pub(super) fn range_call(&self, call: &Call, times: Times, sink: Sink<'_>) -> Done {
        let Some((at, range)) = call
            .args
            .iter()
            .map(Expr::bare)
            .enumerate()
            .find(|(_, arg)| matches!(arg, Expr::Matrix(_) | Expr::Subquery(_)))
        else {
            return Err(EvalError::failed(
                "expected a range vector, got something else",
            ));
        };
        let mut numbers = Vec::new();
        for (other, arg) in call.args.iter().enumerate() {
            if other != at {
                numbers.push(self.scalar(arg, times)?);
            }
        }
        let ranged = self.ranged(range)?;
        extended::allowed(call.function.name, ranged.extension)?;
        if call.function.name == "absent_over_time" {
            return self.absent_over_time(range, ranged, times, sink);
        }
        let keeps_name =
            call.function.name == "last_over_time" || call.function.name == "first_over_time";
        // What is at a fixed time and has no other argument is the same at all steps.
        let fixed = ranged.reference.at.is_some() && numbers.is_empty();
        let mut row = Row::default();
        self.each_range(
            range,
            ranged,
            times,
            call.function.name,
            &mut |labels, drop_name, buffer| {
                self.check_stop()?;
                row.labels = labels.clone();
                row.drop_name = drop_name || !keeps_name;
                row.cells.clear();
                let (mut cursor, metric) = (Cursor::default(), labels.get(METRIC_NAME));
                for step in 0..times.count {
                    if fixed && step > 0 {
                        let same = row.cells[0].clone();
                        row.cells.push(same);
                        continue;
                    }
                    let window = ranged.window(buffer, &mut cursor, times.at(step));
                    if window.is_empty() {
                        row.cells.push(Cell::Absent);
                        continue;
                    }
                    let of = RangeCall {
                        call,
                        extension: ranged.extension,
                        metric,
                        numbers: [0, 1].map(|at| number(&numbers, at, step)),
                        time_ms: times.at(step),
                    };
                    row.cells.push(self.of_window(&of, window)?);
                }
                self.note_non_counter(call, &row);
                if row.is_empty() {
                    Ok(())
                } else {
                    sink(&mut row)
                }
            },
        )
    }

    /// Rates of what does not look like a counter are worth a word.
    fn note_non_counter(&self, call: &Call, row: &Row) {
        let name = row.labels.get(METRIC_NAME);
        let counts = ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
        if counts
            || name.is_empty()
            || !matches!(call.function.name, "rate" | "increase")
            || !row.cells.iter().any(|cell| cell.float().is_some())
        {
            return;
        }
        self.info(
            call.args[0].bare().place(),
            format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                crate::quote::Quoted(name)
            ),
        );
    }

    fn ranged(&self, range: &Expr) -> Done<Ranged> {
        let (shift, duration, extension) = match range {
            Expr::Matrix(matrix) => (&matrix.vector.shift, &matrix.range, matrix.vector.extension),
            Expr::Subquery(subquery) => (&subquery.shift, &subquery.range, None),
            _ => {
                return Err(EvalError::failed(
                    "expected a range vector, got something else",
                ));
            }
        };
        Ok(Ranged {
            reference: self.reference(shift)?,
            range_ms: self.range_duration(duration)?,
            extension,
            lookback_ms: self.query.lookback_ms,
        })
    }

    fn each_range(
        &self,
        range: &Expr,
        ranged: Ranged,
        times: Times,
        function: &str,
        sink: RangeSink<'_>,
    ) -> Done {
        if times.count == 0 {
            return Ok(());
        }
        match range {
            Expr::Matrix(matrix) => self.each_selected(matrix, ranged, times, function, sink),
            Expr::Subquery(subquery) => self.each_of_subquery(subquery, ranged, times, sink),
            _ => Ok(()),
        }
    }

    fn each_selected(
        &self,
        matrix: &MatrixSelector,
        ranged: Ranged,
        times: Times,
        function: &str,
        sink: RangeSink<'_>,
    ) -> Done {
        let (first, last) = ranged.reference.span(times);
        let mut from = first.saturating_sub(ranged.range_ms);
        let mut to = last;
        if ranged.extension.is_some() {
            from = from.saturating_sub(ranged.lookback_ms);
        }
        if ranged.extension == Some(Extension::Smoothed) {
            to = to.saturating_add(ranged.lookback_ms);
        }
        let reading = Reading {
            matchers: &matrix.vector.matchers,
            from_ms: from.saturating_add(1),
            to_ms: to,
            range_ms: ranged.range_ms,
            function,
        };
        let mut buffer = Buffer::default();
        for mut series in self.series(reading)? {
            buffer.fill(&mut *series.samples, self)?;
            sink(&series.labels, false, &buffer)?;
        }
        Ok(())
    }

    fn each_of_subquery(
        &self,
        subquery: &Subquery,
        ranged: Ranged,
        times: Times,
        sink: RangeSink<'_>,
    ) -> Done {
        let step_ms = match &subquery.step {
            Some(step) => self.range_duration(step)?,
            None => self.query.subquery_step_ms,
        };
        let (first, last) = ranged.reference.span(times);
        let before = first.saturating_sub(ranged.range_ms);
        // Times are multiples of the step, so that two queries at different times look at the same ones.
        let start = before
            .div_euclid(step_ms)
            .saturating_add(1)
            .saturating_mul(step_ms);
        let inner = Times::between(start, last, step_ms);
        if inner.count == 0 {
            return Ok(());
        }
        self.fits(inner.count as u64)?;
        let mut buffer = Buffer::default();
        let mut rows = super::row::Rows::new(inner.count);
        // Most expressions give each set of labels once; those that may not are collected first.
        let repeats = matches!(subquery.expr.bare(), Expr::Binary(_));
        if !repeats {
            return self.each(&subquery.expr, inner, &mut |row| {
                buffer.fill_from(row, inner);
                sink(&row.labels, row.drop_name, &buffer)
            });
        }
        self.each(&subquery.expr, inner, &mut |row| {
            self.hold(inner.count)?;
            rows.merge(row)
        })?;
        for row in &rows.rows {
            buffer.fill_from(row, inner);
            sink(&row.labels, row.drop_name, &buffer)?;
        }
        Ok(())
    }

    /// 1 where no series has a sample in its window.
    fn absent_over_time(&self, range: &Expr, ranged: Ranged, times: Times, sink: Sink<'_>) -> Done {
        let mut present = vec![false; times.count];
        self.each_range(
            range,
            ranged,
            times,
            "absent_over_time",
            &mut |_, _, buffer| {
                let mut cursor = Cursor::default();
                for (step, present) in present.iter_mut().enumerate() {
                    *present |= !ranged
                        .window(buffer, &mut cursor, times.at(step))
                        .is_empty();
                }
                Ok(())
            },
        )?;
        let labels = match range {
            Expr::Matrix(matrix) => super::labelling::absent_labels(&matrix.vector.matchers),
            _ => Labels::empty(),
        };
        let mut row = Row {
            labels,
            drop_name: false,
            cells: present
                .iter()
                .map(|present| Cell::from((!present).then_some(1.0)))
                .collect(),
        };
        if row.is_empty() {
            Ok(())
        } else {
            sink(&mut row)
        }
    }

    /// The samples of a range themselves, which only instant queries give.
    pub(super) fn matrix(&self, range: &Expr, time_ms: i64) -> Done<Vec<Series>> {
        let ranged = self.ranged(range)?;
        let mut all = Vec::new();
        let times = Times::once(time_ms);
        self.each_range(
            range,
            ranged,
            times,
            "",
            &mut |labels, drop_name, buffer| {
                let window = ranged.window(buffer, &mut Cursor::default(), time_ms);
                let samples = match ranged.extension {
                    None => merged(window),
                    Some(extension) => extended::edged(window, extension)?,
                };
                if samples.is_empty() {
                    return Ok(());
                }
                self.hold(samples.len())?;
                let labels = if drop_name {
                    labels.keeping(|label| !super::is_of_metric(&label.name))
                } else {
                    labels.clone()
                };
                all.push(Series { labels, samples });
                Ok(())
            },
        )?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(all)
    }
}

/// The number of an argument at a step.
fn number(numbers: &[Vec<f64>], at: usize, step: usize) -> f64 {
    let values = numbers.get(at);
    values.map_or(f64::NAN, |values| values[step])
}

fn merged(window: Window<'_>) -> Vec<Sample> {
    let mut samples: Vec<Sample> = window
        .floats
        .iter()
        .map(|point| Sample::float(point.at, point.value))
        .chain(
            window
                .histograms
                .iter()
                .map(|point| Sample::histogram(point.at, point.value.clone())),
        )
        .collect();
    samples.sort_by_key(|sample| sample.time_ms);
    samples
}
