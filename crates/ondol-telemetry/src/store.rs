//! The kernel that both engines stand on: a write-ahead log and immutable segments, named by a manifest.
//!
//! A write is safe from a kill once [`Log::append`] returned, and from a power cut once it was synchronised: within a
//! second, or before the call returns where that is asked for. A segment is there whole or not at all: written beside,
//! synchronised, renamed, the folder synchronised, then named in the manifest together with the place in the log that it
//! makes needless. Opening takes exactly what the manifest names, and the log from there on.

mod cache;
mod error;
mod frame;
mod log;
mod manifest;
mod retention;
mod segment;
mod segments;
mod work;

pub(crate) use cache::Cache;
pub use error::{Damage, StoreError};
pub use log::Durability;
pub(crate) use log::Log;
pub(crate) use manifest::SegmentFacts;
pub use retention::Retention;
pub(crate) use segment::{Block, SegmentReader, SegmentWriter};
pub(crate) use segments::Segments;
pub use work::{Done, Work};
