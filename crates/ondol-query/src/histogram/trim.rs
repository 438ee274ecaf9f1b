//! Histograms cut off at a value: `</` keeps what is below, `>/` what is above.

use super::bucket::{Side, indexed, spanned};
use super::{Bucket, Histogram};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// `</`
    Below,
    /// `>/`
    Above,
}

/// What a cut leaves, and what it took from the sum.
#[derive(Default)]
struct Cut {
    kept: f64,
    sum_removed: f64,
    negative: bool,
    positive: bool,
}

impl Histogram {
    /// The same without observations on the other side of `at`. Inside of a bucket, as quantiles are interpolated.
    pub(crate) fn trimmed(&self, at: f64, keep: Keep) -> Self {
        let mut cut = Cut::default();
        let mut trimmed = self.clone();
        for side in [Side::Positive, Side::Negative] {
            let counts: Vec<f64> = self
                .outward(side)
                .map(|bucket| self.cut(bucket, side, at, keep, &mut cut))
                .collect();
            let (spans, buckets) = match side {
                Side::Positive => (&mut trimmed.positive_spans, &mut trimmed.positive_buckets),
                Side::Negative => (&mut trimmed.negative_spans, &mut trimmed.negative_buckets),
            };
            let indexes = indexed(spans, buckets).map(|(index, _)| index);
            let full = indexes.zip(counts).filter(|(_, count)| *count != 0.0);
            (*spans, *buckets) = spanned(full.collect::<Vec<_>>());
        }
        if let Some(bucket) = self.zero_bucket() {
            let below = below(bucket, at, Side::Positive, true);
            trimmed.zero_count = match keep {
                Keep::Below => below,
                Keep::Above => bucket.count - below,
            };
            cut.kept += trimmed.zero_count;
        }
        trimmed.count = cut.kept;
        trimmed.sum = if cut.kept == 0.0 {
            0.0
        } else {
            let sum = self.sum - cut.sum_removed;
            let impossible = (!cut.negative && sum < 0.0) || (!cut.positive && sum > 0.0);
            if impossible { 0.0 } else { sum }
        };
        trimmed
    }

    /// How much of a bucket stays.
    fn cut(&self, bucket: Bucket, side: Side, at: f64, keep: Keep, cut: &mut Cut) -> f64 {
        if bucket.count == 0.0 {
            return 0.0;
        }
        let custom = self.has_custom_buckets();
        if custom {
            cut.negative |= bucket.lower < 0.0 || bucket.upper <= 0.0;
            cut.positive |= bucket.upper > 0.0;
        } else {
            cut.negative |= side == Side::Negative;
            cut.positive |= side == Side::Positive;
        }
        let whole = match keep {
            Keep::Below => bucket.upper <= at,
            Keep::Above => bucket.lower >= at,
        };
        if whole {
            cut.kept += bucket.count;
            return bucket.count;
        }
        let nothing = match keep {
            Keep::Below => bucket.lower >= at,
            Keep::Above => bucket.upper <= at,
        };
        let (mut kept, mut middle) = part(bucket, side, at, keep, custom);
        if nothing {
            kept = 0.0;
            if !custom {
                middle = center(bucket.lower, bucket.upper, side);
            }
        }
        cut.sum_removed += (bucket.count - kept) * middle;
        cut.kept += kept;
        kept
    }
}

/// What stays of a bucket that is cut, and where what goes is taken to be.
fn part(bucket: Bucket, side: Side, at: f64, keep: Keep, custom: bool) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY {
        return first(bucket, at, keep);
    }
    if bucket.upper == f64::INFINITY {
        let whole = keep == Keep::Above && at <= bucket.lower;
        return if whole {
            (bucket.count, 0.0)
        } else {
            (0.0, bucket.lower)
        };
    }
    let below = below(bucket, at, side, custom);
    let (kept, from, to) = match keep {
        Keep::Below => (below, at, bucket.lower),
        Keep::Above => (bucket.count - below, at, bucket.upper),
    };
    let middle = if custom {
        f64::midpoint(bucket.lower, bucket.upper)
    } else {
        center(from, to, side)
    };
    (kept, middle)
}

/// The first custom bucket, which has no lower end: it is taken to begin at zero when it reaches above it.
fn first(bucket: Bucket, at: f64, keep: Keep) -> (f64, f64) {
    let inside = at >= 0.0 && bucket.upper > at && bucket.upper < f64::INFINITY;
    match keep {
        Keep::Below if at >= bucket.upper => (bucket.count, 0.0),
        Keep::Below if inside => (
            bucket.count * at / bucket.upper,
            f64::midpoint(at, bucket.upper),
        ),
        Keep::Above if at == f64::NEG_INFINITY => (bucket.count, 0.0),
        Keep::Above if inside => (bucket.count * (1.0 - at / bucket.upper), at / 2.0),
        _ => (0.0, bucket.upper),
    }
}

/// The geometric middle, with the sign of the side.
fn center(a: f64, b: f64, side: Side) -> f64 {
    let middle = (a.abs() * b.abs()).sqrt();
    match side {
        Side::Positive => middle,
        Side::Negative => -middle,
    }
}

/// How many of a bucket lie below.
fn below(bucket: Bucket, at: f64, side: Side, evenly: bool) -> f64 {
    if at <= bucket.lower {
        return 0.0;
    }
    if at >= bucket.upper {
        return bucket.count;
    }
    let fraction = if evenly {
        (at - bucket.lower) / (bucket.upper - bucket.lower)
    } else {
        let (lower, upper, at) = (
            bucket.lower.abs().log2(),
            bucket.upper.abs().log2(),
            at.abs().log2(),
        );
        match side {
            Side::Positive => (at - lower) / (upper - lower),
            Side::Negative => 1.0 - (at - upper) / (lower - upper),
        }
    };
    bucket.count * fraction
}
