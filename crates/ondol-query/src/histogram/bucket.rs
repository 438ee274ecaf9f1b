//! Where a bucket lies and what it is called.

use super::{CUSTOM_BUCKETS_SCHEMA, Histogram, Span};

/// One bucket.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether its lower end is in it.
    pub lower_inclusive: bool,
    /// Whether its upper end is in it.
    pub upper_inclusive: bool,
    /// How many observations are in it.
    pub count: f64,
}

/// Which side of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Positive,
    Negative,
}

/// Index and count of each bucket, in order of the indexes.
pub(crate) fn indexed<'a>(
    spans: &'a [Span],
    buckets: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0_i32;
    spans
        .iter()
        .flat_map(move |span| {
            let first = next.saturating_add(span.offset);
            let length = i32::try_from(span.length).unwrap_or(i32::MAX);
            next = first.saturating_add(length);
            first..next
        })
        .zip(buckets.iter().copied())
}

/// The same from the last to the first.
fn indexed_backward<'a>(
    spans: &'a [Span],
    buckets: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut end = spans.iter().fold(0_i32, |at, span| {
        let length = i32::try_from(span.length).unwrap_or(i32::MAX);
        at.saturating_add(span.offset).saturating_add(length)
    });
    spans
        .iter()
        .rev()
        .flat_map(move |span| {
            let length = i32::try_from(span.length).unwrap_or(i32::MAX);
            let first = end.saturating_sub(length);
            let run = (first..end).rev();
            end = first.saturating_sub(span.offset);
            run
        })
        .zip(buckets.iter().rev().copied())
}

/// Spans of buckets that are given in order of their indexes.
pub(crate) fn spanned(indexed: impl IntoIterator<Item = (i32, f64)>) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut buckets) = (Vec::<Span>::new(), Vec::new());
    let mut end = 0;
    for (index, count) in indexed {
        match spans.last_mut() {
            Some(span) if index == end => span.length += 1,
            last => {
                let offset = if last.is_some() { index - end } else { index };
                spans.push(Span { offset, length: 1 });
            }
        }
        end = index.saturating_add(1);
        buckets.push(count);
    }
    (spans, buckets)
}

/// The upper boundary of the bucket of this index, away from zero. The last bucket before infinity ends at the
/// largest number there is.
pub(crate) fn boundary(index: i32, schema: i32) -> f64 {
    if schema < 0 {
        let exponent = i64::from(index) << u32::from(schema.unsigned_abs().min(16) as u16);
        return if exponent == 1024 {
            f64::MAX
        } else {
            power_of_two(exponent)
        };
    }
    let parts = 1_i32 << schema.min(16);
    let fraction = f64::from(index.rem_euclid(parts)) / f64::from(parts);
    let exponent = i64::from(index.div_euclid(parts));
    if exponent == 1024 && fraction == 0.0 {
        return f64::MAX;
    }
    fraction.exp2() * power_of_two(exponent)
}

fn power_of_two(exponent: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 1100 it is zero or infinity anyway"
    )]
    let exponent = exponent.clamp(-1100, 1100) as f64;
    exponent.exp2()
}

/// The index that a bucket has in a coarser schema.
pub(crate) const fn coarser(index: i32, levels: u32) -> i32 {
    ((index - 1) >> levels) + 1
}

impl Histogram {
    /// The bucket of this index.
    fn bucket(&self, side: Side, index: i32, count: f64) -> Bucket {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            let at = |index: i32| usize::try_from(index).ok();
            let bound = |index, outside| {
                at(index)
                    .and_then(|at| self.custom_values.get(at))
                    .map_or(outside, |bound| *bound)
            };
            return Bucket {
                lower: bound(index - 1, f64::NEG_INFINITY),
                upper: bound(index, f64::INFINITY),
                lower_inclusive: index == 0,
                upper_inclusive: true,
                count,
            };
        }
        let (inner, outer) = (
            boundary(index - 1, self.schema),
            boundary(index, self.schema),
        );
        let (lower, upper) = match side {
            Side::Positive => (inner, outer),
            Side::Negative => (-outer, -inner),
        };
        Bucket {
            lower,
            upper,
            lower_inclusive: lower < 0.0,
            upper_inclusive: upper > 0.0,
            count,
        }
    }

    /// Buckets of one side, from zero outward.
    pub(crate) fn outward(&self, side: Side) -> impl Iterator<Item = Bucket> + '_ {
        let (spans, buckets) = match side {
            Side::Positive => (&self.positive_spans, &self.positive_buckets),
            Side::Negative => (&self.negative_spans, &self.negative_buckets),
        };
        indexed(spans, buckets).map(move |(index, count)| self.bucket(side, index, count))
    }

    /// Buckets of one side, toward zero.
    fn inward(&self, side: Side) -> impl Iterator<Item = Bucket> + '_ {
        let (spans, buckets) = match side {
            Side::Positive => (&self.positive_spans, &self.positive_buckets),
            Side::Negative => (&self.negative_spans, &self.negative_buckets),
        };
        indexed_backward(spans, buckets).map(move |(index, count)| self.bucket(side, index, count))
    }

    /// The bucket around zero, when something is in it.
    pub(crate) fn zero_bucket(&self) -> Option<Bucket> {
        (self.zero_count > 0.0).then_some(Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        })
    }

    /// All buckets, from the lowest to the highest, even where they reach into the zero bucket.
    pub(crate) fn rising_as_they_are(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.inward(Side::Negative)
            .chain(self.zero_bucket())
            .chain(self.outward(Side::Positive))
    }

    /// All buckets, from the lowest to the highest. None reaches into the zero bucket.
    pub fn rising(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.inward(Side::Negative)
            .chain(self.zero_bucket())
            .chain(self.outward(Side::Positive))
            .map(|bucket| self.outside_of_zero(bucket))
    }

    /// All buckets, from the highest to the lowest.
    pub(crate) fn falling(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.inward(Side::Positive)
            .chain(self.zero_bucket())
            .chain(self.outward(Side::Negative))
            .map(|bucket| self.outside_of_zero(bucket))
    }

    fn outside_of_zero(&self, mut bucket: Bucket) -> Bucket {
        if bucket.lower > 0.0 {
            bucket.lower = bucket.lower.max(self.zero_threshold);
        }
        if bucket.upper < 0.0 {
            bucket.upper = bucket.upper.min(-self.zero_threshold);
        }
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_indexes_tell_the_same() {
        let spans = [(-2, 2), (1, 0), (2, 1)].map(|(offset, length)| Span { offset, length });
        let counts = [1.0, 2.0, 3.0];
        let list: Vec<_> = indexed(&spans, &counts).collect();
        assert_eq!(list, [(-2, 1.0), (-1, 2.0), (3, 3.0)]);
        let mut backward: Vec<_> = indexed_backward(&spans, &counts).collect();
        backward.reverse();
        assert_eq!(list, backward);
        let (spans, buckets) = spanned(list.clone());
        assert_eq!(indexed(&spans, &buckets).collect::<Vec<_>>(), list);
    }

    #[test]
    fn boundaries_are_powers_of_two_in_between_and_the_largest_number_at_the_end() {
        assert!((boundary(1, 0) - 2.0).abs() < f64::EPSILON);
        assert!((boundary(1, 1) - std::f64::consts::SQRT_2).abs() < 1e-15);
        assert!((boundary(-1, 1) - std::f64::consts::FRAC_1_SQRT_2).abs() < 1e-15);
        assert!((boundary(1, -1) - 4.0).abs() < f64::EPSILON);
        assert_eq!(boundary(1024, 0), f64::MAX);
        assert_eq!(coarser(4, 1), 2);
        assert_eq!(coarser(-3, 1), -1);
    }
}
