//! What a body became, and what of it did not.

use std::fmt;

/// A name and a value.
pub type Pair = (String, String);

/// What was taken of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch<T> {
    /// In the order in which they came.
    pub items: Vec<T>,
    /// What was not.
    pub dropped: Dropped,
}

/// What was not taken, or not as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Spans, lines or points that were refused.
    pub items: u64,
    /// Why the first of them was.
    pub reason: Option<&'static str>,
    /// Attributes that were left out because there were too many.
    pub fields: u64,
    /// Names and values that were cut because they were too long.
    pub cut: u64,
    /// Texts in which something was not UTF-8 and was replaced.
    pub mended: u64,
}

impl Dropped {
    pub(crate) fn refuse(&mut self, reason: &'static str) {
        self.items += 1;
        self.reason.get_or_insert(reason);
    }
}

/// Why a body was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IngestError {
    /// It is not what its content type says.
    Malformed {
        /// What was expected: a format's name.
        format: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Unpacked it would be larger than allowed.
    TooLarge {
        /// What is allowed.
        bytes_max: usize,
    },
}

impl IngestError {
    pub(crate) fn malformed(format: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        IngestError::Malformed { format, what }
    }
}

impl fmt::Display for IngestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IngestError::Malformed { format, what } => {
                write!(f, "the body is not {format}: {what}")
            }
            IngestError::TooLarge { bytes_max } => {
                write!(
                    f,
                    "the body is larger than {bytes_max} bytes; send smaller batches"
                )
            }
        }
    }
}

impl std::error::Error for IngestError {}
