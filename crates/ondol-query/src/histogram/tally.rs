//! Histograms added up and taken away: layouts are made the same first, and every count is a compensated sum.

use std::cmp::Ordering;

use super::bucket::{Side, boundary, coarser, indexed, spanned};
use super::{Histogram, ResetHint};
use crate::kahan::Kahan;

/// One has custom buckets and the other has not: there is no layout that fits both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// What had to be settled so that two could be put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// One said that counting began anew, the other that it did not.
    pub(crate) hints_collided: bool,
    /// Their custom bounds differed; only those that both have were kept.
    pub(crate) bounds_reconciled: bool,
}

type Buckets = Vec<(i32, Kahan)>;

/// A histogram in the making.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    hint: ResetHint,
    schema: i32,
    zero_threshold: f64,
    zero: Kahan,
    count: Kahan,
    sum: Kahan,
    positive: Buckets,
    negative: Buckets,
    custom_values: Vec<f64>,
}

impl Tally {
    pub(crate) fn of(first: &Histogram) -> Self {
        let side = |spans, buckets| {
            indexed(spans, buckets)
                .map(|(index, count)| (index, Kahan::of(count)))
                .collect()
        };
        Self {
            hint: first.reset_hint,
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            zero: Kahan::of(first.zero_count),
            count: Kahan::of(first.count),
            sum: Kahan::of(first.sum),
            positive: side(&first.positive_spans, &first.positive_buckets),
            negative: side(&first.negative_spans, &first.negative_buckets),
            custom_values: first.custom_values.clone(),
        }
    }

    /// The sum of two.
    pub(crate) fn plus(
        left: &Histogram,
        right: &Histogram,
    ) -> Result<(Histogram, Settled), Incompatible> {
        let mut tally = Self::of(left);
        let settled = tally.add(right, 1.0)?;
        Ok((tally.finish(), settled))
    }

    /// The difference of two.
    pub(crate) fn minus(
        left: &Histogram,
        right: &Histogram,
    ) -> Result<(Histogram, Settled), Incompatible> {
        let mut tally = Self::of(left);
        let settled = tally.add(right, -1.0)?;
        Ok((tally.finish(), settled))
    }

    /// Adds a histogram, times `sign`.
    pub(crate) fn add(&mut self, other: &Histogram, sign: f64) -> Result<Settled, Incompatible> {
        if (self.schema == super::CUSTOM_BUCKETS_SCHEMA) != other.has_custom_buckets() {
            return Err(Incompatible);
        }
        let mut other = Self::of(other);
        let mut settled = Settled {
            hints_collided: self.settle_hint(other.hint),
            bounds_reconciled: false,
        };
        if self.schema == super::CUSTOM_BUCKETS_SCHEMA {
            settled.bounds_reconciled = self.settle_bounds(&mut other);
        } else {
            self.settle_zero(&mut other);
            self.coarsen(other.schema);
            other.coarsen(self.schema);
        }
        self.zero.add(sign * other.zero.total());
        self.count.add(sign * other.count.total());
        self.sum.add(sign * other.sum.total());
        merge(&mut self.positive, &other.positive, sign);
        merge(&mut self.negative, &other.negative, sign);
        Ok(settled)
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        for total in [&mut self.zero, &mut self.count, &mut self.sum] {
            *total = total.scaled(factor);
        }
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            *count = count.scaled(factor);
        }
    }

    pub(crate) fn divide(&mut self, divisor: f64) {
        let divide = |total: &mut Kahan| {
            *total = Kahan {
                sum: total.sum / divisor,
                lost: total.lost / divisor,
            };
        };
        for total in [&mut self.zero, &mut self.count, &mut self.sum] {
            divide(total);
        }
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            divide(count);
        }
    }

    /// Whether one of the counts, or the sum, is like this.
    pub(crate) fn any(&self, like: impl Fn(f64) -> bool) -> bool {
        [self.zero, self.count, self.sum]
            .iter()
            .chain(
                self.positive
                    .iter()
                    .chain(&self.negative)
                    .map(|(_, count)| count),
            )
            .any(|count| like(count.sum))
    }

    /// What came of it, without empty buckets.
    pub(crate) fn finish(self) -> Histogram {
        let side = |buckets: Buckets| {
            let counts = buckets
                .into_iter()
                .map(|(index, count)| (index, count.total()));
            spanned(counts.filter(|(_, count)| *count != 0.0))
        };
        let (positive_spans, positive_buckets) = side(self.positive);
        let (negative_spans, negative_buckets) = side(self.negative);
        Histogram {
            reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero.total(),
            count: self.count.total(),
            sum: self.sum.total(),
            positive_spans,
            negative_spans,
            positive_buckets,
            negative_buckets,
            custom_values: self.custom_values,
        }
    }

    /// What is known about the result; `true` when the two said the opposite.
    fn settle_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        let collided = match (self.hint, other) {
            (mine, other) if mine == other => return false,
            (Gauge, _) | (_, Gauge) => {
                self.hint = Gauge;
                return false;
            }
            (Unknown, _) | (_, Unknown) => false,
            _ => true,
        };
        self.hint = Unknown;
        collided
    }

    /// Bounds that both have; `true` when that was not all of them.
    fn settle_bounds(&mut self, other: &mut Self) -> bool {
        if self.custom_values == other.custom_values {
            return false;
        }
        let common: Vec<f64> = self
            .custom_values
            .iter()
            .filter(|bound| other.custom_values.contains(bound))
            .copied()
            .collect();
        self.rebound(&common);
        other.rebound(&common);
        true
    }

    fn rebound(&mut self, bounds: &[f64]) {
        let mapped = self.positive.iter().map(|(index, count)| {
            let upper = usize::try_from(*index)
                .ok()
                .and_then(|at| self.custom_values.get(at))
                .map_or(f64::INFINITY, |upper| *upper);
            let at = bounds.partition_point(|bound| *bound < upper);
            (i32::try_from(at).unwrap_or(i32::MAX), *count)
        });
        self.positive = joined(mapped);
        self.custom_values = bounds.to_vec();
    }

    /// A zero bucket that is wide enough for both, and whose edge is inside of no bucket of either.
    fn settle_zero(&mut self, other: &mut Self) {
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold < other.zero_threshold {
                self.widen_zero(other.zero_threshold);
            } else {
                other.widen_zero(self.zero_threshold);
            }
        }
    }

    /// Takes buckets that lie inside of the threshold into the zero bucket. One that the threshold would cut is
    /// taken whole, and the threshold with it.
    pub(crate) fn widen_zero(&mut self, threshold: f64) {
        self.zero_threshold = self.zero_threshold.max(threshold);
        loop {
            let before = self.zero_threshold;
            for side in [Side::Positive, Side::Negative] {
                self.absorb(side);
            }
            if self.zero_threshold == before {
                return;
            }
        }
    }

    fn absorb(&mut self, side: Side) {
        let schema = self.schema;
        let buckets = match side {
            Side::Positive => &mut self.positive,
            Side::Negative => &mut self.negative,
        };
        let mut taken = 0;
        for (index, count) in buckets.iter() {
            if boundary(index - 1, schema) >= self.zero_threshold {
                break;
            }
            let outer = boundary(*index, schema);
            if outer > self.zero_threshold && count.total() != 0.0 {
                self.zero_threshold = outer;
            }
            self.zero.add(count.total());
            taken += 1;
        }
        buckets.drain(..taken);
    }

    /// Fewer, wider buckets, unless they are as wide already.
    pub(crate) fn coarsen(&mut self, schema: i32) {
        if schema >= self.schema {
            return;
        }
        let levels = self.schema.abs_diff(schema).min(31);
        for buckets in [&mut self.positive, &mut self.negative] {
            let coarse = buckets
                .iter()
                .map(|(index, count)| (coarser(*index, levels), *count));
            *buckets = joined(coarse);
        }
        self.schema = schema;
    }

    pub(crate) const fn set_hint(&mut self, hint: ResetHint) {
        self.hint = hint;
    }

    pub(crate) const fn zero_threshold(&self) -> f64 {
        self.zero_threshold
    }
}

/// Neighbours of the same index become one.
fn joined(buckets: impl Iterator<Item = (i32, Kahan)>) -> Buckets {
    let mut list = Buckets::new();
    for (index, count) in buckets {
        match list.last_mut() {
            Some((last, sum)) if *last == index => sum.add(count.total()),
            _ => list.push((index, count)),
        }
    }
    list
}

/// Adds buckets of the same layout; both are in order of their indexes.
fn merge(into: &mut Buckets, from: &Buckets, sign: f64) {
    let same = into.len() == from.len() && into.iter().zip(from).all(|(a, b)| a.0 == b.0);
    if same {
        for ((_, sum), (_, count)) in into.iter_mut().zip(from) {
            sum.add(sign * count.total());
        }
        return;
    }
    let mut merged = Buckets::with_capacity(into.len() + from.len());
    let (mut mine, mut theirs) = (into.iter().copied().peekable(), from.iter().peekable());
    while let Some((at, count)) = theirs.peek().copied() {
        let value = sign * count.total();
        match mine.peek().map(|(index, _)| index.cmp(at)) {
            Some(Ordering::Less) => merged.extend(mine.next()),
            Some(Ordering::Equal) => {
                if let Some((index, mut sum)) = mine.next() {
                    sum.add(value);
                    merged.push((index, sum));
                }
                theirs.next();
            }
            Some(Ordering::Greater) | None => {
                merged.push((*at, Kahan::of(value)));
                theirs.next();
            }
        }
    }
    merged.extend(mine);
    *into = merged;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Span;

    fn exponential(schema: i32, offset: i32, counts: &[f64]) -> Histogram {
        Histogram {
            schema,
            count: counts.iter().sum(),
            positive_spans: vec![Span {
                offset,
                length: u32::try_from(counts.len()).unwrap(),
            }],
            positive_buckets: counts.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn the_coarser_schema_wins() {
        let fine = exponential(1, 1, &[1.0, 2.0, 3.0, 4.0]);
        let coarse = exponential(0, 1, &[10.0, 20.0]);
        let (sum, _) = Tally::plus(&fine, &coarse).unwrap();
        assert_eq!(sum.schema, 0);
        assert_eq!(sum.positive_buckets, [13.0, 27.0]);
    }

    #[test]
    fn a_bucket_that_the_zero_bucket_would_cut_is_taken_whole() {
        let mut wide = exponential(0, 3, &[1.0]);
        wide.zero_threshold = 1.5;
        let narrow = exponential(0, 1, &[5.0, 7.0]);
        let (sum, _) = Tally::plus(&wide, &narrow).unwrap();
        assert!((sum.zero_threshold - 2.0).abs() < f64::EPSILON);
        assert!((sum.zero_count - 5.0).abs() < f64::EPSILON);
        assert_eq!(sum.positive_buckets, [7.0, 1.0]);
    }

    #[test]
    fn custom_bounds_that_only_one_has_are_given_up() {
        let custom = |bounds: &[f64], counts: &[f64]| Histogram {
            custom_values: bounds.to_vec(),
            ..exponential(super::super::CUSTOM_BUCKETS_SCHEMA, 0, counts)
        };
        let left = custom(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0, 1.0]);
        let right = custom(&[1.0, 3.0], &[2.0, 2.0, 2.0]);
        let (sum, settled) = Tally::plus(&left, &right).unwrap();
        assert!(settled.bounds_reconciled);
        assert_eq!(sum.custom_values, [1.0, 3.0]);
        assert_eq!(sum.positive_buckets, [3.0, 4.0, 3.0]);
        assert_eq!(
            Tally::plus(&left, &exponential(0, 0, &[1.0])),
            Err(Incompatible)
        );
    }
}
