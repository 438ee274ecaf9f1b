//! What can go wrong with a store, and what was found broken in one.

use std::{fmt, io};

/// Why a store did not take or give something.
#[derive(Debug)]
pub enum StoreError {
    /// Less than the floor of free bytes is left: nothing is taken in until there is room again.
    Full {
        /// What is left.
        free_bytes: u64,
        /// What is to stay free.
        floor_bytes: u64,
    },
    /// Segments cannot be written for long, and memory is full: nothing is taken in until one could be.
    Behind {
        /// What waits in memory.
        head_bytes: u64,
    },
    /// A question would read more than it may.
    TooMuch {
        /// How much it may.
        bytes_max: u64,
    },
    /// The disk failed.
    Io(io::Error),
    /// A segment is not what was written; its number.
    Broken(u64),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full {
                free_bytes,
                floor_bytes,
            } => write!(
                f,
                "the disk is full: {free_bytes} bytes are free, expected at least {floor_bytes}; \
                 make room, or shorten the retention"
            ),
            StoreError::Behind { head_bytes } => write!(
                f,
                "{head_bytes} bytes wait in memory and could not be written to the disk; \
                 make room, or see why it is slow"
            ),
            StoreError::TooMuch { bytes_max } => write!(
                f,
                "the question would read more than {bytes_max} bytes; \
                 ask for a shorter time, fewer streams, or a word that is rarer"
            ),
            StoreError::Io(error) => write!(f, "the disk failed: {error}"),
            StoreError::Broken(number) => write!(
                f,
                "segment {number} is not what was written (its checksum differs); what it held cannot be read"
            ),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        StoreError::Io(error)
    }
}

/// Something that was expected on the disk and is not there, said once when a store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The end of a log file was torn off: the last writes before a power cut, or flipped bits.
    Torn {
        /// Which file.
        file: String,
        /// Where the good part ends.
        good_bytes: u64,
        /// What came after and is gone.
        lost_bytes: u64,
    },
    /// A segment that the manifest names is gone or is no segment.
    Lost {
        /// Its number.
        segment: u64,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Torn {
                file,
                good_bytes,
                lost_bytes,
            } => write!(
                f,
                "{file}: {lost_bytes} bytes after the first {good_bytes} were torn and are left out"
            ),
            Damage::Lost { segment } => write!(f, "segment {segment} is not there any more"),
        }
    }
}
