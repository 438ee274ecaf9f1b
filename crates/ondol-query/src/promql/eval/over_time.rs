//! Functions of the samples in a window.

use super::range::RangeCall;
use super::row::Cell;
use super::sums::Sum;
use super::window::{HistogramPoint, Point, Window, seconds};
use super::{Done, EvalError, Evaluator, extended};
use crate::histogram::Incompatible;
use crate::kahan::{Kahan, Mean};
use crate::place::Place;
use crate::quote::Quoted;
use std::sync::Arc;

impl RangeCall<'_> {
    /// What annotations are about: the first argument.
    pub(super) fn place(&self) -> Place {
        self.call
            .args
            .first()
            .map_or(self.call.place, |arg| arg.bare().place())
    }
}

impl Evaluator<'_> {
    /// The value of a function of a range.
    pub(super) fn of_window(&self, of: &RangeCall<'_>, window: Window<'_>) -> Done<Cell> {
        #[expect(clippy::cast_precision_loss, reason = "a count of samples in memory")]
        let count = (window.floats.len() + window.histograms.len()) as f64;
        Ok(match of.call.function.name {
            "rate" | "increase" | "delta" if of.extension.is_some() => {
                self.extended_rate(of, window)
            }
            "rate" | "increase" | "delta" => return self.rate(of, window),
            "irate" | "idelta" => self.instant_rate(of, window),
            "changes" | "resets" => match extended::reaching_back(of.extension, window) {
                Some(window) => Cell::Float(self.turns(of, window)),
                None => Cell::Absent,
            },
            "count_over_time" => Cell::Float(count),
            "present_over_time" => Cell::Float(1.0),
            "sum_over_time" | "avg_over_time" => self.total(of, window),
            "last_over_time" => edge(window, true).1,
            "first_over_time" => edge(window, false).1,
            "ts_of_last_over_time" => Cell::Float(seconds(edge(window, true).0)),
            "ts_of_first_over_time" => Cell::Float(seconds(edge(window, false).0)),
            _ => return self.of_floats(of, window),
        })
    }

    /// Functions that leave histograms aside.
    fn of_floats(&self, of: &RangeCall<'_>, window: Window<'_>) -> Done<Cell> {
        let floats = window.floats;
        let name = of.call.function.name;
        if name == "double_exponential_smoothing" {
            check_factors(of.numbers)?;
        }
        if floats.is_empty() {
            return Ok(Cell::Absent);
        }
        if name == "quantile_over_time" {
            self.check_quantile(of.numbers[0], of.place());
        }
        if window.is_mixed() {
            self.info(
                of.place(),
                format!(
                    "ignored histograms in a range containing both floats and histograms for metric name {}",
                    Quoted(of.metric)
                ),
            );
        }
        let values = || floats.iter().map(|point| point.value);
        Ok(Cell::from(match name {
            "min_over_time" => values().reduce(|least, value| {
                if value < least || least.is_nan() {
                    value
                } else {
                    least
                }
            }),
            "max_over_time" => values().reduce(|most, value| {
                if value > most || most.is_nan() {
                    value
                } else {
                    most
                }
            }),
            "ts_of_min_over_time" => last_best(floats, |value, best| value <= best),
            "ts_of_max_over_time" => last_best(floats, |value, best| value >= best),
            "stddev_over_time" => Some(variance(values()).sqrt()),
            "stdvar_over_time" => Some(variance(values())),
            "quantile_over_time" => Some(quantile(of.numbers[0], values().collect())),
            "mad_over_time" => Some(median_deviation(values().collect())),
            "deriv" if floats.len() > 1 => Some(regression(floats, floats[0].at).0),
            "predict_linear" if floats.len() > 1 => {
                let (slope, intercept) = regression(floats, of.time_ms);
                Some(slope * of.numbers[0] + intercept)
            }
            "double_exponential_smoothing" if floats.len() > 1 => Some(smooth(floats, of.numbers)),
            _ => None,
        }))
    }

    pub(super) fn check_quantile(&self, q: f64, place: Place) {
        if q.is_nan() || !(0.0..=1.0).contains(&q) {
            self.warn(
                place,
                format!(
                    "quantile value should be between 0 and 1, got {}",
                    crate::number::general(q)
                ),
            );
        }
    }

    fn total(&self, of: &RangeCall<'_>, window: Window<'_>) -> Cell {
        let mean = of.call.function.name == "avg_over_time";
        if window.is_mixed() {
            self.warn_mixed(of);
            return Cell::Absent;
        }
        if window.histograms.is_empty() {
            let values = window.floats.iter().map(|point| point.value);
            return Cell::Float(if mean {
                let mut total = Mean::default();
                values.for_each(|value| total.add(value));
                total.value()
            } else {
                let mut total = Kahan::default();
                values.for_each(|value| total.add(value));
                total.total()
            });
        }
        let Ok(sum) = histogram_sum(window.histograms, mean) else {
            self.warn_schemas(of.place(), of.metric);
            return Cell::Absent;
        };
        self.note_sum(of.place(), &sum);
        if mean { sum.mean() } else { sum.sum() }.into()
    }

    /// What is to be said of a sum of histograms.
    pub(super) fn note_sum(&self, place: Place, sum: &Sum) {
        if sum.hints_collided() {
            self.warn(
                place,
                "conflicting counter resets during histogram aggregation",
            );
        }
        if sum.bounds_reconciled {
            self.info(
                place,
                "mismatched custom buckets were reconciled during aggregation",
            );
        }
    }

    /// How often a value changed, or counting began anew.
    fn turns(&self, of: &RangeCall<'_>, window: Window<'_>) -> f64 {
        let resets = of.call.function.name == "resets";
        let (mut floats, mut histograms) = (
            window.floats.iter().peekable(),
            window.histograms.iter().peekable(),
        );
        let mut before: Option<Turn<'_>> = None;
        let mut count = 0.0;
        loop {
            let float_next = match (floats.peek(), histograms.peek()) {
                (None, None) => return count,
                (Some(float), Some(histogram)) => float.at < histogram.at,
                (float, None) => float.is_some(),
                (None, Some(_)) => false,
            };
            let now = if float_next {
                floats.next().map(Turn::Float)
            } else {
                histograms.next().map(Turn::Histogram)
            };
            if let (Some(before), Some(now)) = (&before, &now)
                && self.turned(before, now, resets)
            {
                count += 1.0;
            }
            before = now;
        }
    }

    fn turned(&self, before: &Turn<'_>, now: &Turn<'_>, resets: bool) -> bool {
        let anew = resets
            && self.query.start_timestamps
            && super::rate::restarted(before.times(), now.times());
        anew || match (before, now) {
            (Turn::Float(a), Turn::Float(b)) if resets => b.value < a.value,
            (Turn::Float(a), Turn::Float(b)) => {
                a.value != b.value && !(a.value.is_nan() && b.value.is_nan())
            }
            (Turn::Histogram(a), Turn::Histogram(b)) if resets => b.value.is_reset_after(&a.value),
            (Turn::Histogram(a), Turn::Histogram(b)) => !a.value.same_data(&b.value),
            _ => true,
        }
    }
}

enum Turn<'p> {
    Float(&'p Point),
    Histogram(&'p HistogramPoint),
}

impl Turn<'_> {
    const fn times(&self) -> (i64, i64) {
        match self {
            Self::Float(point) => (point.start, point.at),
            Self::Histogram(point) => (point.start, point.at),
        }
    }
}

fn histogram_sum(points: &[HistogramPoint], mean: bool) -> Result<Sum, Incompatible> {
    let mut sum = Sum::of(&points[0].value);
    for point in &points[1..] {
        if mean {
            sum.add_to_mean(&point.value)?;
        } else {
            sum.add(&point.value)?;
        }
    }
    Ok(sum)
}

/// The first or the last sample of either kind.
fn edge(window: Window<'_>, last: bool) -> (i64, Cell) {
    let (float, histogram) = if last {
        (window.floats.last(), window.histograms.last())
    } else {
        (window.floats.first(), window.histograms.first())
    };
    let takes_float = match (float, histogram) {
        (Some(float), Some(histogram)) => (float.at > histogram.at) == last,
        (float, _) => float.is_some(),
    };
    match (float, histogram) {
        (Some(float), _) if takes_float => (float.at, Cell::Float(float.value)),
        (_, Some(histogram)) => (histogram.at, Cell::Histogram(Arc::clone(&histogram.value))),
        _ => (0, Cell::Absent),
    }
}

/// When the best value was last, in seconds.
fn last_best(points: &[Point], better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    points
        .iter()
        .reduce(|best, point| {
            if better(point.value, best.value) || best.value.is_nan() {
                point
            } else {
                best
            }
        })
        .map(|point| seconds(point.at))
}

/// Welford's, with compensated sums.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Kahan::default(), Kahan::default());
    for value in values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    squares.total() / count
}

/// Between the two nearest values. NaN counts as smallest.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
    });
    let most = values.len() - 1;
    #[expect(clippy::cast_precision_loss, reason = "a count of values in memory")]
    let rank = q * most as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of values"
    )]
    let lower = (rank.floor() as usize).min(most);
    let weight = rank - rank.floor();
    let upper = (lower + 1).min(most);
    values[lower] * (1.0 - weight) + values[upper] * weight
}

fn median_deviation(values: Vec<f64>) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, values.clone());
    quantile(
        0.5,
        values
            .into_iter()
            .map(|value| (value - median).abs())
            .collect(),
    )
}

/// Slope in seconds, and the value at a time.
fn regression(points: &[Point], intercept_at: i64) -> (f64, f64) {
    let first = points[0].value;
    if points.iter().all(|point| point.value == first) {
        return if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
    }
    let mut sums = [Kahan::default(); 4];
    let mut count = 0.0;
    for point in points {
        let (x, y) = (seconds(point.at - intercept_at), point.value);
        count += 1.0;
        for (sum, value) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            sum.add(value);
        }
    }
    let [x, y, xy, xx] = sums.map(Kahan::total);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

fn check_factors([smoothing, trend]: [f64; 2]) -> Done {
    for (name, factor) in [("smoothing", smoothing), ("trend", trend)] {
        if factor <= 0.0 || factor >= 1.0 {
            let short = if name == "smoothing" { "sf" } else { "tf" };
            return Err(EvalError::failed(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
            )));
        }
    }
    Ok(())
}

/// Holt's linear trend.
fn smooth(points: &[Point], [smoothing, trend_factor]: [f64; 2]) -> f64 {
    let (mut before, mut value) = (0.0, points[0].value);
    let mut trend = points[1].value - points[0].value;
    for (at, point) in points.iter().enumerate().skip(1) {
        if at > 1 {
            trend = trend_factor * (value - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * point.value + (1.0 - smoothing) * (value + trend);
        (before, value) = (value, next);
    }
    value
}
