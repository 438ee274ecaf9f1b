//! Native histograms: buckets that need not be chosen beforehand.
//!
//! The model is that of Prometheus' native histogram specification: sparse buckets as runs ("spans") of consecutive
//! indexes, counts as absolute floats. [`bucket`] says where a bucket lies, [`tally`] adds and subtracts,
//! [`reset`] finds out whether counting began anew, [`quantile`] reads one, [`trim`] cuts one off.

mod bucket;
mod quantile;
mod reset;
mod tally;
mod text;
mod trim;

pub use bucket::Bucket;
pub(crate) use quantile::NanEffect;
pub(crate) use tally::{Incompatible, Settled, Tally};
pub(crate) use trim::Keep;

/// The schema of histograms whose bucket boundaries are listed one by one.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// A native histogram. Exponential with schema -4 (coarse) to 8 (fine), or with custom buckets, schema -53.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Whether counting began anew between the sample before and this one.
    pub reset_hint: ResetHint,
    /// A bucket is 2^(2^-schema) times as wide as the one before it; -53 for custom buckets.
    pub schema: i32,
    /// Values whose magnitude is at most this are in the zero bucket.
    pub zero_threshold: f64,
    /// How many are in it.
    pub zero_count: f64,
    /// How many observations there were.
    pub count: f64,
    /// What they add up to; the staleness marker when the series ended.
    pub sum: f64,
    /// Where the positive buckets are.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets are.
    pub negative_spans: Vec<Span>,
    /// Count of each positive bucket, absolute, in the order of the spans.
    pub positive_buckets: Vec<f64>,
    /// Count of each negative bucket, absolute, in the order of the spans.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, rising, without infinity. Empty for exponential ones.
    pub custom_values: Vec<f64>,
}

/// A run of buckets whose indexes follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Gap to the end of the span before; index of the first bucket for the first span, which may be negative.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// What is known about counting having begun anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResetHint {
    /// Nobody knows: it must be found out by comparing.
    #[default]
    Unknown,
    /// It did.
    Reset,
    /// It did not.
    NotReset,
    /// It is a gauge, where the question has no meaning.
    Gauge,
}

impl Histogram {
    /// Whether its bucket boundaries are listed.
    #[must_use]
    pub const fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Everything counted, times this. A negative factor makes a gauge of it.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.each_count(|count| *count *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Everything counted, divided by this. Division by zero leaves no bucket whose count would mean anything.
    pub(crate) fn divide(&mut self, divisor: f64) {
        self.each_count(|count| *count /= divisor);
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.negative_spans.clear();
            self.positive_buckets.clear();
            self.negative_buckets.clear();
        } else if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn each_count(&mut self, mut change: impl FnMut(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive_buckets.iter_mut().for_each(&mut change);
        self.negative_buckets.iter_mut().for_each(change);
    }

    /// The same histogram without empty buckets.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let mut compact = self.clone();
        compact.compact();
        compact
    }

    /// Takes empty buckets away, in place.
    pub(crate) fn compact(&mut self) {
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            if buckets.contains(&0.0) || spans.iter().any(|span| span.length == 0) {
                let full: Vec<_> = bucket::indexed(spans, buckets)
                    .filter(|(_, count)| *count != 0.0)
                    .collect();
                (*spans, *buckets) = bucket::spanned(full);
            }
        }
    }

    /// Whether they say the same, empty buckets and hints aside. NaN equals NaN: this compares data, not numbers.
    pub(crate) fn same_data(&self, other: &Self) -> bool {
        let bits = |h: &Self| [h.count, h.sum, h.zero_count].map(f64::to_bits);
        let side = |spans, buckets: &[f64]| -> Vec<(i32, u64)> {
            bucket::indexed(spans, buckets)
                .filter(|(_, count)| *count != 0.0)
                .map(|(index, count)| (index, count.to_bits()))
                .collect()
        };
        self.schema == other.schema
            && bits(self) == bits(other)
            && self.zero_threshold == other.zero_threshold
            && self.custom_values == other.custom_values
            && side(&self.positive_spans, &self.positive_buckets)
                == side(&other.positive_spans, &other.positive_buckets)
            && side(&self.negative_spans, &self.negative_buckets)
                == side(&other.negative_spans, &other.negative_buckets)
    }
}
