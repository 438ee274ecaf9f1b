//! Samples of metrics in the model of Prometheus, as plain values.

use crate::{Dropped, Pair};

/// What was taken of a request with metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesBatch {
    /// Series with their samples; one may come more than once.
    pub series: Vec<Series>,
    /// What is said about metrics.
    pub metadata: Vec<Metadata>,
    /// What was not taken.
    pub dropped: Dropped,
}

/// A series and some of its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Sorted by name, each once; the metric's name is `__name__`.
    pub labels: Vec<Pair>,
    /// Milliseconds since 1970, and what was read then.
    pub samples: Vec<(i64, Reading)>,
    /// Single observations behind them.
    pub exemplars: Vec<Exemplar>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A number; Prometheus' staleness marker says that the series ended.
    Float(f64),
    /// A native histogram.
    Histogram(Box<NativeHistogram>),
}

/// Prometheus' marker for a series that ended.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A native histogram of Prometheus: buckets as runs of consecutive indexes, counts absolute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeHistogram {
    /// -4 to 8, or -53 for buckets whose bounds are listed.
    pub schema: i32,
    /// Values whose magnitude is at most this are in the zero bucket.
    pub zero_threshold: f64,
    /// How many are in it.
    pub zero_count: f64,
    /// How many observations there were.
    pub count: f64,
    /// What they add up to.
    pub sum: f64,
    /// Gap to the run before (for the first its first index) and length of each run.
    pub positive_spans: Vec<(i32, u32)>,
    /// Counts in the order of the runs.
    pub positive_buckets: Vec<f64>,
    /// The same of negative values.
    pub negative_spans: Vec<(i32, u32)>,
    /// The same of negative values.
    pub negative_buckets: Vec<f64>,
    /// Bounds of schema -53.
    pub custom_values: Vec<f64>,
    /// Whether it is a gauge: it may shrink without having begun anew.
    pub is_gauge: bool,
}

/// A single observation behind a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar {
    /// `trace_id` most of the time.
    pub labels: Vec<Pair>,
    /// What was observed.
    pub value: f64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// What is said about a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its name.
    pub family: String,
    /// `counter`, `gauge`, `histogram`, `summary` or `unknown`.
    pub kind: &'static str,
    /// What it is.
    pub help: String,
    /// Its unit.
    pub unit: String,
}
