//! A sample: a value at a time.

use std::sync::Arc;

use crate::Histogram;

/// The NaN that says "this series ended here". Every other NaN is a value.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The marker as a number.
#[must_use]
pub const fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Whether this is the marker and not a NaN that somebody measured.
#[must_use]
pub const fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// What was measured at a time.
#[derive(Debug, Clone)]
pub enum Value {
    /// A counter's or gauge's number, or a staleness marker.
    Float(f64),
    /// A native histogram; stale when its sum is the marker.
    Histogram(Arc<Histogram>),
}

impl Value {
    /// Whether it only says that its series ended.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Float(value) => is_stale(*value),
            Self::Histogram(histogram) => is_stale(histogram.sum),
        }
    }
}

/// A value and its time.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Milliseconds since 1970, UTC.
    pub time_ms: i64,
    /// When counting began ("created timestamp"), in the same unit; 0 when nobody said.
    pub start_ms: i64,
    /// What was measured.
    pub value: Value,
}

impl Sample {
    /// A number at a time.
    #[must_use]
    pub const fn float(time_ms: i64, value: f64) -> Self {
        Self {
            time_ms,
            start_ms: 0,
            value: Value::Float(value),
        }
    }

    /// A native histogram at a time.
    #[must_use]
    pub const fn histogram(time_ms: i64, value: Arc<Histogram>) -> Self {
        Self {
            time_ms,
            start_ms: 0,
            value: Value::Histogram(value),
        }
    }

    /// The same sample, of a count that began then.
    #[must_use]
    pub fn started(mut self, start_ms: i64) -> Self {
        self.start_ms = start_ms;
        self
    }
}
