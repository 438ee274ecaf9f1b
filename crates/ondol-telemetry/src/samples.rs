//! The samples engine: metrics.
//!
//! A scrape becomes one row of its target's group, one record of the log, and sixteen rows become a small piece for each
//! series. When memory reaches its cap the pieces become a segment, and small segments one day large ones. A sample that
//! comes with a moment of its own (pushed, late, a native histogram) waits beside the rows and is never refused for its
//! order.

mod admission;
mod arena;
mod codec;
mod engine;
mod exemplars;
mod group;
mod hash;
mod head;
mod journal;
mod loose;
mod metadata;
mod page;
mod push;
mod scrape;
mod segment;
mod select;
mod series;
mod symbols;
#[cfg(test)]
mod tests;
mod upkeep;

pub use admission::{Limits, Refused};
pub use engine::{Config, Opened, Samples, Status};
pub use exemplars::KeptExemplar;
pub use metadata::Metadata;
pub use push::Pushed;
pub use scrape::{ScrapeError, Scraped, Target};
