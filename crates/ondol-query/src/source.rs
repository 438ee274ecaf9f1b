//! The seam between the language and a store: what a store must be able to answer.

use std::error::Error;
use std::fmt;

use crate::{Labels, Matcher, Sample};

/// A store of series.
pub trait Source {
    /// All series that every matcher matches and that may have samples in the time asked for, in any order, each
    /// set of labels once. Nothing is decoded before [`Samples::read`] is called.
    ///
    /// # Errors
    ///
    /// When the store cannot answer, or refuses to.
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError>;
}

/// What a query asks for.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// All of them must match. A label that a series does not have counts as empty.
    pub matchers: &'a [Matcher],
    /// First millisecond of interest, included.
    pub start_ms: i64,
    /// Last millisecond of interest, included.
    pub end_ms: i64,
    /// The step of the query; 0 for an instant.
    pub step_ms: i64,
    /// The range over which samples are read; 0 where only the latest one counts.
    pub range_ms: i64,
    /// The function that gets the samples, for a store that keeps rollups; empty without one.
    pub function: &'a str,
}

/// A series that was selected.
pub struct Selected<'s> {
    /// Its labels, `__name__` included.
    pub labels: Labels,
    /// Its samples in the time asked for.
    pub samples: Box<dyn Samples + 's>,
}

/// The samples of one series, in pieces, so that nobody holds all of them at once.
pub trait Samples {
    /// Appends the next samples, in strictly rising order of time and inside of the time asked for, staleness markers
    /// included. As many as are cheap to give at once: a chunk, a page, not one. `false` when there are no more and
    /// nothing was appended.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn read(&mut self, into: &mut Vec<Sample>) -> Result<bool, SourceError>;
}

/// Why a store did not answer.
#[derive(Debug)]
pub enum SourceError {
    /// The store could, but a limit of its own is reached: what it would have taken, and of how much.
    TooMuch {
        /// What there would have been too many of: `series`, `bytes`.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// The store is asked to stop: the one who asked went away, or its time is over.
    Stopped,
    /// Reading failed.
    Broken(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch { what, limit } => write!(
                f,
                "the query touches more than {limit} {what}; expected fewer; narrow its matchers or its time"
            ),
            Self::Stopped => f.write_str("the query was stopped"),
            Self::Broken(error) => write!(f, "cannot read samples: {error}"),
        }
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(error) => Some(&**error),
            Self::TooMuch { .. } | Self::Stopped => None,
        }
    }
}
