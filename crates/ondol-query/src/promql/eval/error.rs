//! Why a query has no answer.

use std::error::Error;
use std::fmt;

use crate::SourceError;

/// Why a query has no answer. Texts are Prometheus' where it has one.
#[derive(Debug)]
pub enum EvalError {
    /// It asked for something that cannot be.
    Failed(String),
    /// It would hold more values than it may.
    TooManySamples,
    /// It was told to stop.
    Stopped,
    /// The store did not answer.
    Source(SourceError),
}

impl EvalError {
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }
}

impl From<SourceError> for EvalError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Stopped => Self::Stopped,
            error => Self::Source(error),
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => f.write_str(reason),
            Self::TooManySamples => f.write_str(
                "query processing would load too many samples into memory in query execution",
            ),
            Self::Stopped => f.write_str("query was canceled in query execution"),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl Error for EvalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Failed(_) | Self::TooManySamples | Self::Stopped => None,
        }
    }
}
