//! Segments of samples.
//!
//! Series stand in the order of their metric and labels, their columns one after the other, so that what is alike is
//! packed together. The moments of a scrape group are there once, for all its series. The index says where everything is:
//!
//! ```text
//! symbols   sorted texts, each once
//! times     of each group: its key, where its moments are, how many, the first and the last
//! blocks    offset, length, raw length
//! metrics   symbol of the name, where its first series is described, how many
//! series    labels as pairs of symbols, and the runs of each: kind, times, rows, where its bytes are
//! ```

mod index;
mod merge;
mod seal;

pub(super) use index::{Index, Place, RunEntry, RunKind};
pub(super) use merge::merge;
pub(super) use seal::seal;
