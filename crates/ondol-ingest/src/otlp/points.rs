//! Data points, one by one.

use std::collections::BTreeMap;

use super::metrics::{Metric, add_label};
use super::traces::nanoseconds;
use crate::any_value::attribute;
use crate::sample::STALE;
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire, each_fixed64, each_varint, zigzag};
use crate::{Exemplar, NativeHistogram, Reading};

/// What all kinds of points have.
#[derive(Default)]
pub(super) struct Point {
    pub(super) at_ms: i64,
    pub(super) labels: BTreeMap<String, String>,
    is_stale: bool,
    exemplars: Vec<Exemplar>,
}

impl Point {
    fn at(&mut self, at: u64) {
        self.at_ms = nanoseconds(at) / 1_000_000;
    }

    /// `DataPointFlags`: nothing was recorded.
    fn flags(&mut self, flags: u64) {
        self.is_stale = flags & 1 == 1;
    }

    fn attribute(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<(), Malformed> {
        let attribute = attribute(bytes, taking)?;
        if self.labels.len() >= taking.limits.fields_max {
            taking.dropped.fields += 1;
        } else {
            let value = attribute.value.text().into_owned();
            add_label(&mut self.labels, (attribute.name, value));
        }
        Ok(())
    }

    fn exemplar(&mut self, bytes: &[u8], taking: &mut Taking<'_>) -> Result<(), Malformed> {
        if self.exemplars.len() >= taking.limits.list_max {
            taking.dropped.fields += 1;
            return Ok(());
        }
        let (mut exemplar, mut labels) = (Exemplar::default(), BTreeMap::new());
        for field in Fields(bytes) {
            match field? {
                (2, Wire::Fixed64(at)) => exemplar.at_ms = nanoseconds(at) / 1_000_000,
                (3, Wire::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
                (4, Wire::Bytes(id)) => drop(labels.insert("span_id".to_owned(), hex(id))),
                (5, Wire::Bytes(id)) => drop(labels.insert("trace_id".to_owned(), hex(id))),
                (6, Wire::Fixed64(whole)) => exemplar.value = whole as i64 as f64,
                (7, Wire::Bytes(bytes)) if labels.len() < taking.limits.fields_max => {
                    let attribute = attribute(bytes, taking)?;
                    let value = attribute.value.text().into_owned();
                    add_label(&mut labels, (attribute.name, value));
                }
                _ => {}
            }
        }
        exemplar.labels = labels.into_iter().collect();
        self.exemplars.push(exemplar);
        Ok(())
    }

    fn float(&self, value: f64) -> Reading {
        Reading::Float(if self.is_stale { STALE } else { value })
    }
}

fn hex(id: &[u8]) -> String {
    // An id has 16 bytes at most.
    id.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// `NumberDataPoint`.
pub(super) fn number(
    bytes: &[u8],
    metric: &mut Metric<'_>,
    taking: &mut Taking<'_>,
) -> Result<(), Malformed> {
    let (mut point, mut value) = (Point::default(), 0.0);
    for field in Fields(bytes) {
        match field? {
            (3, Wire::Fixed64(at)) => point.at(at),
            (4, Wire::Fixed64(bits)) => value = f64::from_bits(bits),
            (5, Wire::Bytes(bytes)) => point.exemplar(bytes, taking)?,
            (6, Wire::Fixed64(whole)) => value = whole as i64 as f64,
            (7, Wire::Bytes(bytes)) => point.attribute(bytes, taking)?,
            (8, Wire::Varint(flags)) => point.flags(flags),
            _ => {}
        }
    }
    let reading = point.float(value);
    let exemplars = std::mem::take(&mut point.exemplars);
    metric.add("", &mut point, None, reading).exemplars = exemplars;
    Ok(())
}

/// `HistogramDataPoint`: classic buckets, `_sum` and `_count`.
pub(super) fn histogram(
    bytes: &[u8],
    metric: &mut Metric<'_>,
    taking: &mut Taking<'_>,
) -> Result<(), Malformed> {
    let mut point = Point::default();
    let (mut count, mut sum) = (0, None);
    let (mut counts, mut bounds): (Vec<u64>, Vec<f64>) = (Vec::new(), Vec::new());
    let room = taking.limits.list_max + 1;
    for field in Fields(bytes) {
        match field? {
            (3, Wire::Fixed64(at)) => point.at(at),
            (4, Wire::Fixed64(number)) => count = number,
            (5, Wire::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
            (6, value) => each_fixed64(value, |number| push_up_to(&mut counts, number, room)),
            (7, value) => each_fixed64(value, |bits| {
                push_up_to(&mut bounds, f64::from_bits(bits), room);
            }),
            (8, Wire::Bytes(bytes)) => point.exemplar(bytes, taking)?,
            (9, Wire::Bytes(bytes)) => point.attribute(bytes, taking)?,
            (10, Wire::Varint(flags)) => point.flags(flags),
            _ => {}
        }
    }
    let is_whole = counts.is_empty() && bounds.is_empty() || counts.len() == bounds.len() + 1;
    if !is_whole || bounds.len() > taking.limits.list_max || !bounds.is_sorted() {
        taking
            .dropped
            .refuse("a histogram's buckets do not fit its bounds");
        return Ok(());
    }
    let mut below = 0_u64;
    let mut exemplars = std::mem::take(&mut point.exemplars);
    exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
    for (bound, in_it) in bounds.iter().zip(&counts) {
        below = below.saturating_add(*in_it);
        let of_bucket = exemplars.partition_point(|exemplar| exemplar.value <= *bound);
        let reading = point.float(below as f64);
        let series = metric.add(
            "_bucket",
            &mut point,
            Some(("le", bound.to_string())),
            reading,
        );
        series.exemplars = exemplars.drain(..of_bucket).collect();
    }
    let reading = point.float(count as f64);
    let le = ("le", "+Inf".to_owned());
    (metric.add("_bucket", &mut point, Some(le), reading.clone())).exemplars = exemplars;
    metric.add("_count", &mut point, None, reading);
    if let Some(sum) = sum {
        let reading = point.float(sum);
        metric.add("_sum", &mut point, None, reading);
    }
    Ok(())
}

fn push_up_to<T>(list: &mut Vec<T>, item: T, max: usize) {
    if list.len() <= max {
        list.push(item);
    }
}

/// `SummaryDataPoint`.
pub(super) fn summary(
    bytes: &[u8],
    metric: &mut Metric<'_>,
    taking: &mut Taking<'_>,
) -> Result<(), Malformed> {
    let mut point = Point::default();
    let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
    for field in Fields(bytes) {
        match field? {
            (3, Wire::Fixed64(at)) => point.at(at),
            (4, Wire::Fixed64(number)) => count = number,
            (5, Wire::Fixed64(bits)) => sum = f64::from_bits(bits),
            (6, Wire::Bytes(bytes)) if quantiles.len() < taking.limits.list_max => {
                let (mut quantile, mut value) = (0.0, 0.0);
                for field in Fields(bytes) {
                    match field? {
                        (1, Wire::Fixed64(bits)) => quantile = f64::from_bits(bits),
                        (2, Wire::Fixed64(bits)) => value = f64::from_bits(bits),
                        _ => {}
                    }
                }
                quantiles.push((quantile, value));
            }
            (7, Wire::Bytes(bytes)) => point.attribute(bytes, taking)?,
            (8, Wire::Varint(flags)) => point.flags(flags),
            _ => {}
        }
    }
    for (quantile, value) in quantiles {
        let reading = point.float(value);
        let quantile = ("quantile", quantile.to_string());
        metric.add("", &mut point, Some(quantile), reading);
    }
    let (count, sum) = (point.float(count as f64), point.float(sum));
    metric.add("_count", &mut point, None, count);
    metric.add("_sum", &mut point, None, sum);
    Ok(())
}

/// `ExponentialHistogramDataPoint`: a native histogram, coarser when it is finer than those may be.
pub(super) fn exponential(
    bytes: &[u8],
    metric: &mut Metric<'_>,
    taking: &mut Taking<'_>,
) -> Result<(), Malformed> {
    let (mut point, mut native) = (Point::default(), NativeHistogram::default());
    let (mut scale, mut positive, mut negative) = (0, Buckets::default(), Buckets::default());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => point.attribute(bytes, taking)?,
            (3, Wire::Fixed64(at)) => point.at(at),
            (4, Wire::Fixed64(number)) => native.count = number as f64,
            (5, Wire::Fixed64(bits)) => native.sum = f64::from_bits(bits),
            (6, Wire::Varint(number)) => scale = zigzag(number),
            (7, Wire::Fixed64(number)) => native.zero_count = number as f64,
            (8, Wire::Bytes(bytes)) => positive = Buckets::read(bytes, taking.limits.list_max)?,
            (9, Wire::Bytes(bytes)) => negative = Buckets::read(bytes, taking.limits.list_max)?,
            (10, Wire::Varint(flags)) => point.flags(flags),
            (11, Wire::Bytes(bytes)) => point.exemplar(bytes, taking)?,
            (14, Wire::Fixed64(bits)) => native.zero_threshold = f64::from_bits(bits),
            _ => {}
        }
    }
    let is_small = [&positive, &negative]
        .iter()
        .all(|side| side.counts.len() <= taking.limits.list_max);
    if !is_small || !(-4..=20).contains(&scale) {
        taking
            .dropped
            .refuse("an exponential histogram has too many buckets, or too coarse ones");
        return Ok(());
    }
    // Prometheus stops at schema 8; each step down joins two neighbours.
    let coarser = (scale - 8).max(0) as u32;
    native.schema = (scale as i32).min(8);
    (native.positive_spans, native.positive_buckets) = positive.spans(coarser);
    (native.negative_spans, native.negative_buckets) = negative.spans(coarser);
    if point.is_stale {
        native.sum = STALE;
    }
    let exemplars = std::mem::take(&mut point.exemplars);
    let reading = Reading::Histogram(Box::new(native));
    metric.add("", &mut point, None, reading).exemplars = exemplars;
    Ok(())
}

/// One side of an exponential histogram: consecutive buckets from an index on.
#[derive(Default)]
struct Buckets {
    offset: i64,
    counts: Vec<u64>,
}

impl Buckets {
    fn read(bytes: &[u8], list_max: usize) -> Result<Self, Malformed> {
        let mut buckets = Buckets::default();
        for field in Fields(bytes) {
            match field? {
                (1, Wire::Varint(offset)) => buckets.offset = i64::from(clamped(zigzag(offset))),
                (2, value) => {
                    each_varint(value, |n| push_up_to(&mut buckets.counts, n, list_max))?;
                }
                _ => {}
            }
        }
        Ok(buckets)
    }

    /// Runs of buckets that are not empty. OTLP's bucket `i` ends where Prometheus' bucket `i + 1` does.
    fn spans(&self, coarser: u32) -> (Vec<(i32, u32)>, Vec<f64>) {
        let mut joined: BTreeMap<i64, f64> = BTreeMap::new();
        for (at, count) in self.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let index = ((self.offset + at as i64) >> coarser) + 1;
            *joined.entry(index).or_default() += *count as f64;
        }
        let (mut spans, mut buckets): (Vec<(i32, u32)>, _) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (index, count) in joined {
            match spans.last_mut() {
                Some((_, length)) if index == next => *length += 1,
                _ => spans.push((clamped(index - next), 1)),
            }
            next = index + 1;
            buckets.push(count);
        }
        (spans, buckets)
    }
}

fn clamped(offset: i64) -> i32 {
    i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX })
}
