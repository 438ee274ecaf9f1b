//! `rate`, `increase`, `delta`, `irate`, `idelta`.

use super::range::RangeCall;
use super::row::Cell;
use super::window::{HistogramPoint, Point, Window, seconds};
use super::{Done, Evaluator};
use crate::histogram::Tally;
use crate::place::Place;
use crate::promql::annotation::for_metric;
use crate::quote::Quoted;
use crate::{Histogram, ResetHint};

/// What is known of a window before it is extended to its edges.
struct Span {
    /// When the first sample was, or counting began.
    first: i64,
    last: i64,
    /// Between two samples, in seconds.
    average: f64,
    /// Whether the beginning is known and nothing is to be guessed there.
    begins: bool,
}

/// Whether the time at which counting began says that it began anew between two samples.
pub(super) fn restarted(before: (i64, i64), now: (i64, i64)) -> bool {
    let ((start_before, at_before), (start, at)) = (before, now);
    if start == 0 || start >= at || start < at_before {
        return false;
    }
    if start > at_before {
        return true;
    }
    start_before <= at_before && start_before != 0 && start_before != at_before
}

impl Evaluator<'_> {
    pub(super) fn warn_mixed(&self, of: &RangeCall<'_>) {
        self.warn(
            of.place(),
            format!(
                "encountered a mix of histograms and floats for metric name {}",
                Quoted(of.metric)
            ),
        );
    }

    pub(super) fn warn_schemas(&self, place: Place, metric: &str) {
        self.warn(
            place,
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                Quoted(metric)
            ),
        );
    }

    fn warn_not(&self, of: &RangeCall<'_>, what: &str) {
        self.warn(
            of.place(),
            format!(
                "this native histogram metric is not a {what}: {}",
                Quoted(of.metric)
            ),
        );
    }

    pub(super) fn rate(&self, of: &RangeCall<'_>, window: Window<'_>) -> Done<Cell> {
        let counter = of.call.function.name != "delta";
        if window.is_mixed() {
            self.warn_mixed(of);
            return Ok(Cell::Absent);
        }
        if window.floats.is_empty() {
            return Ok(self.histogram_rate(of, window, counter));
        }
        let points = window.floats;
        let use_starts = counter && window.has_starts && self.query.start_timestamps;
        let Some(span) = span(points, |point| (point.start, point.at), window, use_starts) else {
            return Ok(Cell::Absent);
        };
        self.note_overlap(
            of,
            points.iter().map(|point| (point.start, point.at)),
            use_starts,
        );
        let (first, last) = (points[0], points[points.len() - 1]);
        let mut result = last.value - first.value;
        if counter {
            for at in window.falls() {
                result += points[at - 1].value;
            }
            if span.begins {
                result += first.value;
            }
        }
        let zero = (counter && result > 0.0 && first.value >= 0.0).then(|| first.value / result);
        Ok(Cell::Float(result * span.factor(of, window, zero)))
    }

    fn note_overlap(
        &self,
        of: &RangeCall<'_>,
        mut points: impl Iterator<Item = (i64, i64)>,
        on: bool,
    ) {
        let Some(mut before) = points.next().filter(|_| on) else {
            return;
        };
        for now in points {
            if now.0 != 0 && now.0 < before.1 && now.0 != before.0 {
                self.warn(
                    of.place(),
                    format!(
                        "sample start timestamp overlaps with the previous sample{}",
                        for_metric(of.metric)
                    ),
                );
                return;
            }
            before = now;
        }
    }

    fn histogram_rate(&self, of: &RangeCall<'_>, window: Window<'_>, counter: bool) -> Cell {
        let points = window.histograms;
        let use_starts = counter && window.has_starts && self.query.start_timestamps;
        let Some(span) = span(points, |point| (point.start, point.at), window, use_starts) else {
            return Cell::Absent;
        };
        self.note_overlap(
            of,
            points.iter().map(|point| (point.start, point.at)),
            use_starts,
        );
        let Some(mut result) = self.histogram_difference(of, points, counter, span.begins) else {
            return Cell::Absent;
        };
        let first = points[0].value.count;
        let zero = (counter && result.count > 0.0 && first >= 0.0).then(|| first / result.count);
        result.scale(span.factor(of, window, zero));
        result.reset_hint = ResetHint::Gauge;
        result.into()
    }

    /// What was counted from the first to the last.
    fn histogram_difference(
        &self,
        of: &RangeCall<'_>,
        points: &[HistogramPoint],
        counter: bool,
        from_zero: bool,
    ) -> Option<Histogram> {
        let (first, last) = (&points[0].value, &points[points.len() - 1].value);
        let gauge = |value: &Histogram| value.reset_hint == ResetHint::Gauge;
        if counter && points.iter().any(|point| gauge(&point.value)) {
            self.warn_not(of, "counter");
        }
        let gauges = gauge(first) && gauge(last);
        if !counter && !gauges {
            self.warn_not(of, "gauge");
        }
        let anew = |at: usize| {
            let (before, now) = (&points[at - 1], &points[at]);
            now.value.is_reset_after(&before.value)
                || (self.query.start_timestamps
                    && restarted((before.start, before.at), (now.start, now.at)))
        };
        // Where counting begins anew right after the first sample, nothing of the first is in the last.
        let skips_first = counter && points.len() > 1 && anew(1);
        let considered = if skips_first && !from_zero {
            &points[1..]
        } else {
            points
        };
        let custom = last.has_custom_buckets();
        let inner = if counter {
            considered
        } else {
            &considered[..1]
        };
        if inner
            .iter()
            .any(|point| point.value.has_custom_buckets() != custom)
        {
            self.warn_schemas(of.place(), of.metric);
            return None;
        }
        let mut tally = Tally::of(last);
        let mut add = |value: &Histogram, sign: f64, what: &str| {
            let Ok(settled) = tally.add(value, sign) else {
                self.warn_schemas(of.place(), of.metric);
                return None;
            };
            if settled.bounds_reconciled {
                self.info(
                    of.place(),
                    format!("mismatched custom buckets were reconciled during {what}"),
                );
            }
            Some(())
        };
        if !skips_first && !from_zero {
            add(first, -1.0, "subtraction")?;
        }
        if counter {
            for at in 1..points.len() {
                if anew(at) && (at > 1 || from_zero) {
                    add(&points[at - 1].value, 1.0, "addition")?;
                }
            }
            // All layouts on the way count, not only those at the ends.
            let schema = considered.iter().map(|point| point.value.schema).min();
            tally.coarsen(schema.unwrap_or(i32::MAX));
        }
        Some(tally.finish())
    }

    /// The last two samples.
    pub(super) fn instant_rate(&self, of: &RangeCall<'_>, window: Window<'_>) -> Cell {
        let rate = of.call.function.name == "irate";
        let newest = |skip: usize| {
            let floats = window.floats;
            let histograms = window.histograms;
            let mut left = (floats.len(), histograms.len());
            let mut found = None;
            for _ in 0..=skip {
                let float = left.0.checked_sub(1).map(|at| floats[at]);
                let histogram = left.1.checked_sub(1).map(|at| &histograms[at]);
                found = match (float, histogram) {
                    (None, None) => return None,
                    (Some(f), Some(h)) if f.at < h.at => {
                        left.1 -= 1;
                        Some(Either::Histogram(h))
                    }
                    (Some(f), _) => {
                        left.0 -= 1;
                        Some(Either::Float(f))
                    }
                    (None, Some(h)) => {
                        left.1 -= 1;
                        Some(Either::Histogram(h))
                    }
                };
            }
            found
        };
        let (Some(last), Some(before)) = (newest(0), newest(1)) else {
            return Cell::Absent;
        };
        let elapsed = seconds(last.at() - before.at());
        if elapsed == 0.0 {
            return Cell::Absent;
        }
        let anew = rate && self.query.start_timestamps && restarted(before.times(), last.times());
        match (before, last) {
            (Either::Float(before), Either::Float(last)) => {
                let result = if rate && (last.value < before.value || anew) {
                    last.value
                } else {
                    last.value - before.value
                };
                Cell::Float(if rate { result / elapsed } else { result })
            }
            (Either::Histogram(before), Either::Histogram(last)) => {
                let result = self.instant_difference(of, &before.value, &last.value, anew);
                result.map_or(Cell::Absent, |mut result| {
                    if rate {
                        result.divide(elapsed);
                    }
                    result.into()
                })
            }
            _ => {
                self.warn_mixed(of);
                Cell::Absent
            }
        }
    }

    fn instant_difference(
        &self,
        of: &RangeCall<'_>,
        before: &Histogram,
        last: &Histogram,
        anew: bool,
    ) -> Option<Histogram> {
        let rate = of.call.function.name == "irate";
        let gauges = [before, last].map(|value| value.reset_hint == ResetHint::Gauge);
        if rate && gauges.contains(&true) {
            self.warn_not(of, "counter");
        } else if !rate && gauges.contains(&false) {
            self.warn_not(of, "gauge");
        }
        let mut result = if rate && (anew || last.is_reset_after(before)) {
            last.compacted()
        } else {
            let Ok((result, settled)) = Tally::minus(last, before) else {
                self.warn_schemas(of.place(), of.metric);
                return None;
            };
            if settled.bounds_reconciled {
                self.info(
                    of.place(),
                    "mismatched custom buckets were reconciled during subtraction",
                );
            }
            result
        };
        result.reset_hint = ResetHint::Gauge;
        Some(result)
    }
}

#[derive(Clone, Copy)]
enum Either<'p> {
    Float(Point),
    Histogram(&'p HistogramPoint),
}

impl Either<'_> {
    const fn times(&self) -> (i64, i64) {
        match self {
            Self::Float(point) => (point.start, point.at),
            Self::Histogram(point) => (point.start, point.at),
        }
    }

    const fn at(&self) -> i64 {
        self.times().1
    }
}

fn span<T>(
    points: &[T],
    times: impl Fn(&T) -> (i64, i64),
    window: Window<'_>,
    use_starts: bool,
) -> Option<Span> {
    let (start, first) = times(points.first()?);
    let (_, last) = times(points.last()?);
    let begins = use_starts && start != 0 && start > window.start_ms && start < first;
    if points.len() < 2 && !begins {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of samples in memory")]
    let gaps = (points.len() - 1) as f64;
    let average = if gaps > 0.0 {
        seconds(last - first) / gaps
    } else {
        0.0
    };
    Some(Span {
        first: if begins { start } else { first },
        last,
        average,
        begins,
    })
}

impl Span {
    /// By how much the result is to be extended to the edges of the window. `zero` is where in the result the first
    /// value lies: counters do not begin before they are zero.
    fn factor(&self, of: &RangeCall<'_>, window: Window<'_>, zero: Option<f64>) -> f64 {
        let sampled = seconds(self.last - self.first);
        let average = self.average;
        let threshold = average * 1.1;
        let mut before = seconds(self.first - window.start_ms);
        let mut after = seconds(window.end_ms - self.last);
        if self.begins {
            before = 0.0;
        } else {
            if before >= threshold {
                before = average / 2.0;
            }
            if let Some(zero) = zero {
                before = before.min(sampled * zero);
            }
        }
        if after >= threshold {
            after = average / 2.0;
        }
        let factor = if sampled == 0.0 {
            1.0
        } else {
            (sampled + before + after) / sampled
        };
        if of.call.function.name == "rate" {
            factor / window.seconds()
        } else {
            factor
        }
    }
}
