//! Why a query has no answer.

use std::error::Error;
use std::fmt;

use crate::logql::pipeline::PipelineError;
use crate::{Labels, SourceError, promql};

/// Why a query has no answer.
#[derive(Debug)]
pub enum EvalError {
    /// It asked for something that cannot be.
    Refused(String),
    /// A line of a metric query went wrong, and no condition says what to do with those.
    Pipeline {
        /// What went wrong.
        error: PipelineError,
        /// How.
        details: String,
        /// The labels of the line.
        series: Labels,
    },
    /// It would take more than it may.
    TooMany {
        /// What there would be too many of.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// It was told to stop.
    Stopped,
    /// The store did not answer.
    Source(SourceError),
    /// What is above the ranges cannot be.
    Values(promql::EvalError),
}

impl EvalError {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    pub(super) const fn too_many(what: &'static str, limit: u64) -> Self {
        Self::TooMany { what, limit }
    }

    /// Whether the query is at fault, and not the store: what Loki answers with 400.
    #[must_use]
    pub const fn is_of_query(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Pipeline { .. } | Self::TooMany { .. } => true,
            Self::Source(error) => matches!(error, SourceError::TooMuch { .. }),
            Self::Values(error) => !matches!(error, promql::EvalError::Stopped),
            Self::Stopped => false,
        }
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

impl From<promql::EvalError> for EvalError {
    fn from(error: promql::EvalError) -> Self {
        match error {
            promql::EvalError::Stopped => Self::Stopped,
            error => Self::Values(error),
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(reason),
            Self::Pipeline {
                error,
                details,
                series,
            } => {
                let error = error.as_str();
                write!(
                    f,
                    "pipeline error: '{error}' for series: '{series}': {details}; expected every line to pass its stages; leave such lines out with | __error__!=\"{error}\", all that went wrong with | __error__=\"\""
                )
            }
            Self::TooMany { what, limit } => write!(
                f,
                "the query takes more than {limit} {what}; expected fewer; narrow its selector, its time or its labels"
            ),
            Self::Stopped => f.write_str(
                "the query was stopped before it was done; narrow its selector or its time",
            ),
            Self::Source(error) => error.fmt(f),
            Self::Values(error) => error.fmt(f),
        }
    }
}

impl Error for EvalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Values(error) => Some(error),
            Self::Refused(_) | Self::Pipeline { .. } | Self::TooMany { .. } | Self::Stopped => None,
        }
    }
}
