//! `anchored` and `smoothed`: values at the edges of a window, from samples outside of it.

use super::super::ast::Extension;
use super::range::RangeCall;
use super::row::Cell;
use super::window::{HistogramPoint, Point, Window, seconds};
use super::{Done, EvalError, Evaluator};
use crate::histogram::{Incompatible, Tally};
use crate::{Histogram, ResetHint, Sample};

/// Which functions may be used with which modifier.
pub(super) fn allowed(function: &str, extension: Option<Extension>) -> Done {
    let (name, functions): (_, &[&str]) = match extension {
        None => return Ok(()),
        Some(Extension::Anchored) => (
            "anchored",
            &["changes", "delta", "increase", "rate", "resets"],
        ),
        Some(Extension::Smoothed) => ("smoothed", &["delta", "increase", "rate"]),
    };
    if functions.contains(&function) {
        return Ok(());
    }
    Err(EvalError::failed(format!(
        "{name} modifier can only be used with: {} - not with {function}",
        functions.join(", ")
    )))
}

/// From the last sample at or before the beginning on; `None` when nothing happened after it.
pub(super) fn reaching_back(
    extension: Option<Extension>,
    window: Window<'_>,
) -> Option<Window<'_>> {
    if extension.is_none() {
        return Some(window);
    }
    let start = window.start_ms;
    let newest = window
        .floats
        .last()
        .map(|point| point.at)
        .max(window.histograms.last().map(|point| point.at))?;
    if newest <= start {
        return None;
    }
    let floats = window.floats.partition_point(|point| point.at <= start);
    let histograms = window.histograms.partition_point(|point| point.at <= start);
    // The one before that is kept is the newest, of either kind.
    let float = floats.checked_sub(1).map(|at| window.floats[at].at);
    let histogram = histograms.checked_sub(1).map(|at| window.histograms[at].at);
    let keeps_float = float.is_some() && float >= histogram;
    let keeps_histogram = histogram.is_some() && !keeps_float;
    Some(Window {
        floats: &window.floats[floats - usize::from(keeps_float)..],
        histograms: &window.histograms[histograms - usize::from(keeps_histogram)..],
        ..window
    })
}

/// Which samples stand for the edges: the last one at or before the beginning, or the first; and the last one, or,
/// when smoothed, the first one at or after the end.
fn edges<T>(
    points: &[T],
    at: impl Fn(&T) -> i64,
    window: Window<'_>,
    smoothed: bool,
) -> Option<(usize, usize)> {
    let most = points.len().checked_sub(1)?;
    let first = points[..most]
        .partition_point(|point| at(point) <= window.start_ms)
        .saturating_sub(1);
    let last = if smoothed {
        points[..most].partition_point(|point| at(point) < window.end_ms)
    } else {
        most
    };
    let outside =
        at(&points[last]) <= window.start_ms || (smoothed && at(&points[first]) > window.end_ms);
    (!outside).then_some((first, last))
}

/// Between two samples of a number. A counter that fell began at zero.
fn interpolate(before: Point, after: Point, at: i64, counter: bool) -> f64 {
    let base = if counter && after.value < before.value {
        0.0
    } else {
        before.value
    };
    base + (after.value - base) * seconds(at - before.at) / seconds(after.at - before.at)
}

/// The values at both edges.
fn edge_values(
    points: &[Point],
    (first, last): (usize, usize),
    window: Window<'_>,
    smoothed: bool,
    counter: bool,
) -> (f64, f64) {
    let (start, end) = (window.start_ms, window.end_ms);
    let left = match points.get(first + 1) {
        Some(after) if smoothed && points[first].at < start => {
            interpolate(points[first], *after, start, counter)
        }
        _ => points[first].value,
    };
    let right = match last.checked_sub(1).and_then(|before| points.get(before)) {
        Some(before) if smoothed && points[last].at > end => {
            interpolate(*before, points[last], end, counter)
        }
        _ => points[last].value,
    };
    (left, right)
}

/// Between two histograms; `part` is how far from the first to the second.
pub(super) fn interpolated(
    before: &Histogram,
    after: &Histogram,
    part: f64,
    counter: bool,
) -> Option<Histogram> {
    if counter && after.is_reset_after(before) {
        let mut tally = Tally::of(after);
        tally.scale(part);
        return Some(tally.finish());
    }
    let mut tally = {
        let mut tally = Tally::of(before);
        tally.scale(1.0 - part);
        tally.add(after, part).ok()?;
        tally
    };
    tally.set_hint(if counter {
        ResetHint::Unknown
    } else {
        ResetHint::Gauge
    });
    Some(tally.finish())
}

impl Evaluator<'_> {
    /// `rate`, `increase` and `delta` of an extended range: the difference of its edges, without extrapolation.
    pub(super) fn extended_rate(&self, of: &RangeCall<'_>, window: Window<'_>) -> Cell {
        let smoothed = of.extension == Some(Extension::Smoothed);
        let counter = of.call.function.name != "delta";
        let rate = of.call.function.name == "rate";
        if window.is_mixed() {
            self.warn_mixed(of);
            return Cell::Absent;
        }
        if window.floats.is_empty() {
            return self.extended_histogram_rate(of, window, smoothed).map_or(
                Cell::Absent,
                |mut result| {
                    if rate {
                        result.divide(window.seconds());
                    }
                    result.reset_hint = ResetHint::Gauge;
                    result.into()
                },
            );
        }
        let points = window.floats;
        let Some((first, last)) = edges(points, |point| point.at, window, smoothed) else {
            return Cell::Absent;
        };
        let (left, right) = edge_values(points, (first, last), window, smoothed, counter);
        let mut result = right - left;
        if counter {
            let mut before = left;
            let inner = points.get(first + 1..last).unwrap_or_default();
            for value in inner.iter().map(|point| point.value).chain([right]) {
                if value < before {
                    result += before;
                }
                before = value;
            }
        }
        Cell::Float(if rate {
            result / window.seconds()
        } else {
            result
        })
    }

    fn extended_histogram_rate(
        &self,
        of: &RangeCall<'_>,
        window: Window<'_>,
        smoothed: bool,
    ) -> Option<Histogram> {
        let counter = of.call.function.name != "delta";
        let points = window.histograms;
        let (first, last) = edges(points, |point| point.at, window, smoothed)?;
        let used = &points[first..=last];
        let gauges = used
            .iter()
            .filter(|point| point.value.reset_hint == ResetHint::Gauge)
            .count();
        if counter && gauges > 0 {
            self.warn_native(of, "counter");
        } else if !counter && gauges < used.len() {
            self.warn_native(of, "gauge");
        }
        let custom = used[0].value.has_custom_buckets();
        if used
            .iter()
            .any(|point| point.value.has_custom_buckets() != custom)
        {
            self.warn_schemas(of.place(), of.metric);
            return None;
        }
        let (start, end) = (window.start_ms, window.end_ms);
        let between = |before: usize, at: i64| {
            let (before, after) = (&points[before], points.get(before + 1)?);
            let part = seconds(at - before.at) / seconds(after.at - before.at);
            interpolated(&before.value, &after.value, part, counter)
        };
        let left = if smoothed && points[first].at < start && first < last {
            between(first, start)?
        } else {
            (*points[first].value).clone()
        };
        let right = if smoothed && points[last].at > end && last > first {
            between(last - 1, end)?
        } else {
            (*points[last].value).clone()
        };
        // A reset that the left edge was interpolated over is in it already.
        let spanned = counter
            && smoothed
            && points[first].at < start
            && first < last
            && points[first + 1].value.is_reset_after(&points[first].value);
        let next = first + 1 + usize::from(spanned);
        let base = if spanned {
            &points[first + 1].value
        } else {
            &left
        };
        // Both edges may be of the same sample, or of the same reset: then there is nothing between them.
        let between = points.get(next..last).filter(|_| counter && next <= last);
        let way = between.map(|inner| (base, inner));
        self.with_resets(of, &left, way, &right)
    }

    /// The difference of the edges, and what was counted before each reset on the way, which begins at a histogram.
    fn with_resets(
        &self,
        of: &RangeCall<'_>,
        left: &Histogram,
        way: Option<(&Histogram, &[HistogramPoint])>,
        right: &Histogram,
    ) -> Option<Histogram> {
        let mut tally = Tally::of(right);
        let mut add = |value: &Histogram, sign: f64, what: &str| -> Result<(), Incompatible> {
            if tally.add(value, sign)?.bounds_reconciled {
                let text = format!("mismatched custom buckets were reconciled during {what}");
                self.info(of.place(), text);
            }
            Ok(())
        };
        add(left, -1.0, "subtraction").ok()?;
        if let Some((mut before, inner)) = way {
            for value in inner.iter().map(|point| &*point.value).chain([right]) {
                if value.is_reset_after(before) {
                    add(before, 1.0, "addition").ok()?;
                }
                before = value;
            }
        }
        Some(tally.finish())
    }

    fn warn_native(&self, of: &RangeCall<'_>, what: &str) {
        let metric = crate::quote::Quoted(of.metric);
        self.warn(
            of.place(),
            format!("this native histogram metric is not a {what}: {metric}"),
        );
    }
}

/// The samples of an extended range, with one at each edge.
pub(super) fn edged(window: Window<'_>, extension: Extension) -> Done<Vec<Sample>> {
    let smoothed = extension == Extension::Smoothed;
    if !window.histograms.is_empty() {
        let name = if smoothed { "smoothed" } else { "anchored" };
        return Err(EvalError::failed(format!(
            "{name} modifier is not supported with histograms"
        )));
    }
    let points = window.floats;
    let Some((first, last)) = edges(points, |point| point.at, window, smoothed) else {
        return Ok(Vec::new());
    };
    let (left, right) = edge_values(points, (first, last), window, smoothed, false);
    let inner = points
        .iter()
        .filter(|point| point.at > window.start_ms && point.at < window.end_ms);
    Ok([Sample::float(window.start_ms, left)]
        .into_iter()
        .chain(inner.map(|point| Sample::float(point.at, point.value)))
        .chain([Sample::float(window.end_ms, right)])
        .collect())
}
