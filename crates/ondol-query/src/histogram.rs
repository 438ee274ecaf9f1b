//! Native histograms: buckets that need not be chosen beforehand.
//!
//! The model is that of Prometheus' native histogram specification: sparse buckets as runs ("spans") of consecutive
//! indexes, counts as absolute floats.

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
