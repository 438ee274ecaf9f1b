//! The samples of a series in a range of time.

use std::sync::Arc;

use super::row::{Cell, Row};
use super::{Done, Evaluator, Times};
use crate::{Histogram, Sample, Samples, Value};

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: i64,
    /// When counting began; 0 when nobody said.
    pub(super) start: i64,
    pub(super) value: f64,
}

/// A histogram at a time.
#[derive(Debug, Clone)]
pub(super) struct HistogramPoint {
    pub(super) at: i64,
    pub(super) start: i64,
    pub(super) value: Arc<Histogram>,
}

/// All samples of a series that some window may hold, numbers and histograms apart. Kept from series to series, for
/// its memory.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) floats: Vec<Point>,
    pub(super) histograms: Vec<HistogramPoint>,
    /// Whether some sample says when its counting began.
    pub(super) has_starts: bool,
    /// Which numbers are those of a counter that began anew, in order. Few, so that not each window looks for them.
    pub(super) falls: Vec<usize>,
    raw: Vec<Sample>,
}

impl Buffer {
    fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
        self.raw.clear();
        self.has_starts = false;
        self.falls.clear();
    }

    /// Staleness markers are no samples.
    pub(super) fn fill(&mut self, samples: &mut dyn Samples, evaluator: &Evaluator<'_>) -> Done {
        self.clear();
        loop {
            self.raw.clear();
            if !samples.read(&mut self.raw)? {
                self.find_falls(evaluator.query.start_timestamps);
                return Ok(());
            }
            for sample in self.raw.drain(..) {
                if sample.value.is_stale() {
                    continue;
                }
                let (at, start) = (sample.time_ms, sample.start_ms);
                self.has_starts |= start != 0;
                match sample.value {
                    Value::Float(value) => self.floats.push(Point { at, start, value }),
                    Value::Histogram(value) => {
                        self.histograms.push(HistogramPoint { at, start, value });
                    }
                }
            }
            evaluator.fits((self.floats.len() + self.histograms.len()) as u64)?;
        }
    }

    fn find_falls(&mut self, use_starts: bool) {
        let use_starts = use_starts && self.has_starts;
        for (at, pair) in self.floats.windows(2).enumerate() {
            let (before, now) = (&pair[0], &pair[1]);
            let anew = use_starts
                && super::rate::restarted((before.start, before.at), (now.start, now.at));
            if now.value < before.value || anew {
                self.falls.push(at + 1);
            }
        }
    }

    /// What an expression gave is as good as samples. Whether a histogram was reset is not known between steps.
    pub(super) fn fill_from(&mut self, row: &Row, times: Times) {
        use crate::ResetHint::{Gauge, Unknown};
        self.clear();
        for (at, cell) in times.iter().zip(&row.cells) {
            match cell {
                Cell::Absent => {}
                Cell::Float(value) => self.floats.push(Point {
                    at,
                    start: 0,
                    value: *value,
                }),
                Cell::Histogram(value) => {
                    let mut value = value.clone();
                    if !matches!(value.reset_hint, Gauge | Unknown) {
                        Arc::make_mut(&mut value).reset_hint = Unknown;
                    }
                    self.histograms.push(HistogramPoint {
                        at,
                        start: 0,
                        value,
                    });
                }
            }
        }
        self.find_falls(false);
    }
}

/// The samples after `from` until `to`, which is included. `start_ms` and `end_ms` are those of the range that was
/// asked for, which may be shorter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'b> {
    pub(super) floats: &'b [Point],
    pub(super) histograms: &'b [HistogramPoint],
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) has_starts: bool,
    /// Which numbers of the series are those of a counter that began anew, and which one the window begins with.
    pub(super) falls: &'b [usize],
    pub(super) first: usize,
}

impl Window<'_> {
    /// Which of its numbers are those of a counter that began anew since the one before, which is in the window too.
    pub(super) fn falls(&self) -> impl Iterator<Item = usize> {
        let (first, end) = (self.first, self.first + self.floats.len());
        let from = self.falls.partition_point(|at| *at <= first);
        self.falls[from..]
            .iter()
            .take_while(move |at| **at < end)
            .map(move |at| at - first)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    pub(super) const fn is_mixed(&self) -> bool {
        !self.floats.is_empty() && !self.histograms.is_empty()
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 292 years")]
    pub(super) fn seconds(&self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0
    }
}

/// Moves over a buffer with rising times.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    floats: (usize, usize),
    histograms: (usize, usize),
}

impl Cursor {
    /// Which number of the series the last window begins with.
    pub(super) const fn first(&self) -> usize {
        self.floats.0
    }

    pub(super) fn window<'b>(
        &mut self,
        buffer: &'b Buffer,
        from: i64,
        to: i64,
    ) -> (&'b [Point], &'b [HistogramPoint]) {
        advance(&mut self.floats, &buffer.floats, |point| point.at, from, to);
        advance(
            &mut self.histograms,
            &buffer.histograms,
            |point| point.at,
            from,
            to,
        );
        (
            &buffer.floats[self.floats.0..self.floats.1],
            &buffer.histograms[self.histograms.0..self.histograms.1],
        )
    }
}

fn advance<T>(
    place: &mut (usize, usize),
    points: &[T],
    at: impl Fn(&T) -> i64,
    from: i64,
    to: i64,
) {
    while points.get(place.1).is_some_and(|point| at(point) <= to) {
        place.1 += 1;
    }
    while place.0 < place.1 && at(&points[place.0]) <= from {
        place.0 += 1;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "times are far from 2^53 milliseconds"
)]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
