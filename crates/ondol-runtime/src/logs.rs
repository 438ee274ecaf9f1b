//! A replica's log: append-only, size-capped segment files, written by its shim and read by anybody.
//!
//! # Format, version 1 (all numbers little-endian)
//! `logs/<number>.log`, numbered upwards from 1. A segment begins with 16 bytes: the text `ONDOLLOG`, the
//! version as u32, and u32 0. Records follow:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the text |
//! | 1 | stream: 1 stdout, 2 stderr, 3 Ondol's own words |
//! | 1 | flags: 1 = partial, the line goes on in the next record of this stream |
//! | 2 | 0 |
//! | 8 | time, nanoseconds since 1970 |
//! | 8 | run |
//! | n | the text, without its newline, as the service wrote it |
//!
//! A record that is not whole yet is being written; one that is impossible ends the segment.

mod lines;
mod read;
mod write;

pub(crate) use lines::Lines;
pub use read::{Cursor, Filter, Line, Reader};
pub(crate) use write::Writer;

use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"ONDOLLOG";
const VERSION: u32 = 1;
const SEGMENT_HEAD_BYTES: u64 = 16;
const RECORD_HEAD_BYTES: usize = 24;
/// Longer lines are cut into partial records of this size.
const TEXT_BYTES_MAX: usize = 16 << 10;
const PARTIAL: u8 = 1;

/// Which output a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The service's standard output.
    Stdout,
    /// The service's standard error.
    Stderr,
    /// Said by Ondol about the replica: lines that had to be dropped, limits that could not be set.
    Ondol,
}

impl Stream {
    fn code(self) -> u8 {
        match self {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
            Stream::Ondol => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Stream::Stdout),
            2 => Some(Stream::Stderr),
            3 => Some(Stream::Ondol),
            _ => None,
        }
    }
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    length: usize,
    stream: Stream,
    partial: bool,
    time_ns: u64,
    run: u64,
}

impl Head {
    fn encode(self) -> [u8; RECORD_HEAD_BYTES] {
        let mut bytes = [0; RECORD_HEAD_BYTES];
        bytes[..4].copy_from_slice(&(self.length as u32).to_le_bytes());
        bytes[4] = self.stream.code();
        bytes[5] = if self.partial { PARTIAL } else { 0 };
        bytes[8..16].copy_from_slice(&self.time_ns.to_le_bytes());
        bytes[16..].copy_from_slice(&self.run.to_le_bytes());
        bytes
    }

    /// `None` when no writer can have made these bytes.
    fn decode(bytes: &[u8; RECORD_HEAD_BYTES]) -> Option<Self> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let first = word(0);
        let length = (first & u64::from(u32::MAX)) as usize;
        let (stream, flags) = (bytes[4], bytes[5]);
        if length > TEXT_BYTES_MAX || flags > PARTIAL || bytes[6] != 0 || bytes[7] != 0 {
            return None;
        }
        Some(Head {
            length,
            stream: Stream::from_code(stream)?,
            partial: flags == PARTIAL,
            time_ns: word(8),
            run: word(16),
        })
    }
}

fn segment_head() -> [u8; SEGMENT_HEAD_BYTES as usize] {
    let mut bytes = [0; SEGMENT_HEAD_BYTES as usize];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

fn segment_name(number: u64) -> String {
    format!("{number}.log")
}

/// Numbers of the segments of a folder, in order; empty when there is none.
fn segments(dir: &std::path::Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".log")?
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}
