//! Quantiles and fractions of a native histogram.

use super::{Bucket, Histogram};

/// A quantile, and what observations of NaN did to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantile {
    pub(crate) value: f64,
    pub(crate) nan: NanEffect,
}

/// What observations of NaN, which are in no bucket, did to a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanEffect {
    None,
    /// The result is NaN.
    Result,
    /// The result is higher than without them.
    Skew,
}

/// A fraction, and whether observations of NaN were left out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    pub(crate) value: f64,
    pub(crate) without_nan: bool,
}

impl Histogram {
    /// The value below which a `q`-th of the observations lies.
    pub(crate) fn quantile(&self, q: f64) -> Quantile {
        let plain = |value| Quantile {
            value,
            nan: NanEffect::None,
        };
        if q < 0.0 {
            return plain(f64::NEG_INFINITY);
        }
        if q > 1.0 {
            return plain(f64::INFINITY);
        }
        if self.count == 0.0 || q.is_nan() {
            return plain(f64::NAN);
        }
        // With NaN among the observations, only counting from the lowest bucket is right.
        if self.sum.is_nan() || q < 0.5 {
            self.ranked(self.rising(), q * self.count, true)
        } else {
            self.ranked(self.falling(), (1.0 - q) * self.count, false)
        }
    }

    fn ranked(
        &self,
        mut buckets: impl Iterator<Item = Bucket>,
        rank: f64,
        rising: bool,
    ) -> Quantile {
        let mut quantile = Quantile {
            value: f64::NAN,
            nan: NanEffect::None,
        };
        let (mut count, mut found) = (0.0, None);
        for bucket in buckets.by_ref() {
            found = Some(bucket);
            if bucket.count == 0.0 {
                continue;
            }
            count += bucket.count;
            if count >= rank {
                break;
            }
        }
        let Some(bucket) = found else {
            return quantile;
        };
        let bucket = self.around_zero(bucket);
        if self.has_custom_buckets() {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper <= 0.0 {
                quantile.value = bucket.upper;
                return quantile;
            }
            if bucket.upper == f64::INFINITY {
                quantile.value = bucket.lower;
                return quantile;
            }
        }
        let counted = count.min(self.count);
        if counted < rank {
            if self.sum.is_nan() {
                quantile.nan = NanEffect::Result;
            } else {
                quantile.value = bucket.upper;
            }
            return quantile;
        }
        let inside = if rising {
            rank - (counted - bucket.count)
        } else {
            counted - rank
        };
        if self.sum.is_nan() && count + buckets.map(|bucket| bucket.count).sum::<f64>() < self.count
        {
            quantile.nan = NanEffect::Skew;
        }
        quantile.value = self.interpolate(bucket, inside / bucket.count);
        quantile
    }

    /// The zero bucket holds nothing of a sign that no other bucket has; the first custom one begins at zero.
    fn around_zero(&self, mut bucket: Bucket) -> Bucket {
        if self.has_custom_buckets() {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            match (
                self.negative_buckets.is_empty(),
                self.positive_buckets.is_empty(),
            ) {
                (true, false) => bucket.lower = 0.0,
                (false, true) => bucket.upper = 0.0,
                _ => {}
            }
        }
        bucket
    }

    /// Evenly inside of custom buckets and of the zero bucket; evenly on a logarithmic scale in all others.
    fn interpolate(&self, bucket: Bucket, fraction: f64) -> f64 {
        if self.has_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            (lower + (upper - lower) * fraction).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - fraction)).exp2()
        }
    }

    /// Which part of the observations lies between the two.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> Fraction {
        let mut fraction = Fraction {
            value: f64::NAN,
            without_nan: false,
        };
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return fraction;
        }
        if lower >= upper {
            fraction.value = 0.0;
            return fraction;
        }
        let in_buckets: f64 = self.rising().map(|bucket| bucket.count).sum();
        fraction.without_nan = self.sum.is_nan() && in_buckets < self.count;
        let most = if self.sum.is_nan() {
            in_buckets
        } else {
            self.count
        };
        let below = self.rank_of(upper).map_or(most, |rank| rank.min(most));
        let above = self.rank_of(lower).map_or(most, |rank| rank.min(most));
        fraction.value = (below - above) / self.count;
        fraction
    }

    /// How many observations lie below; `None` when all buckets do.
    fn rank_of(&self, value: f64) -> Option<f64> {
        let mut rank = 0.0;
        for bucket in self.rising() {
            let bucket = self.zero_at_edge(bucket);
            if bucket.lower >= value {
                return Some(rank);
            }
            if bucket.upper > value {
                return Some(self.rank_inside(bucket, value, rank));
            }
            rank += bucket.count;
        }
        None
    }

    fn zero_at_edge(&self, mut bucket: Bucket) -> Bucket {
        if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            match (
                self.negative_buckets.is_empty(),
                self.positive_buckets.is_empty(),
            ) {
                (true, false) => bucket.lower = 0.0,
                (false, true) => bucket.upper = 0.0,
                _ => {}
            }
        }
        bucket
    }

    fn rank_inside(&self, bucket: Bucket, value: f64, rank: f64) -> f64 {
        if self.has_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            if bucket.lower == f64::NEG_INFINITY {
                return bucket.count;
            }
            return rank + bucket.count * (value - bucket.lower) / (bucket.upper - bucket.lower);
        }
        let (lower, upper, at) = (
            bucket.lower.abs().log2(),
            bucket.upper.abs().log2(),
            value.abs().log2(),
        );
        let part = if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        };
        rank + bucket.count * part
    }
}
