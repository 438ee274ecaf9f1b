//! Segments that are written beside their engine: memory that becomes one, or small ones that become a larger one.
//!
//! The engine says what is to be written and goes on; it hears of what came of it when that is whole on the disk, and
//! makes it count then. Whatever dies in between leaves a file that the manifest does not name.

use std::sync::Arc;

use super::cache::Cache;
use super::error::StoreError;
use super::manifest::SegmentFacts;
use super::segment::{SegmentReader, SegmentWriter};
use super::segments::{Reserved, Segments, Written};

/// So many segments of one level become one of the next.
const MERGE_COUNT: usize = 4;
/// What is larger, or longer, is not merged again: whole segments are what is forgotten.
const MERGED_BYTES_MAX: u64 = 32 << 20;
const MERGED_MS_MAX: i64 = 24 * 3600 * 1000;

/// Writes what belongs into the segment; returns its index.
type Fill = Box<dyn FnOnce(&mut SegmentWriter) -> Result<Vec<u8>, StoreError> + Send>;
/// The same of what is in all of these segments, the oldest first.
type Combine = fn(&[Arc<SegmentReader>], &Cache, &mut SegmentWriter) -> Result<Vec<u8>, StoreError>;

/// A segment that is due. It needs nothing of its engine while it is written, so that nobody waits for it.
pub struct Work {
    reserved: Reserved,
    fill: Fill,
    outcome: Outcome,
}

/// A segment that was written, and does not count yet.
pub struct Done {
    written: Written,
    outcome: Outcome,
}

/// What is so once the segment counts.
struct Outcome {
    facts: SegmentFacts,
    /// Segments that it stands for.
    replaced: Vec<u64>,
    /// The log before this file is needless; 0 when it says nothing about the log.
    log_from: u64,
}

impl Work {
    /// Does the work; then the engine has to be told.
    ///
    /// # Errors
    ///
    /// When the disk fails; what the segment is made of stays then.
    pub fn run(self) -> Result<Done, StoreError> {
        Ok(Done {
            written: self.reserved.write(self.fill)?,
            outcome: self.outcome,
        })
    }
}

impl Done {
    /// The log file before which nothing is needed any more, when memory was written.
    pub(crate) fn sealed(&self) -> Option<u64> {
        Some(self.outcome.log_from).filter(|log_from| *log_from > 0)
    }
}

impl Segments {
    /// Memory that becomes a segment, instead of the log before `log_from`.
    pub(crate) fn begin_seal(
        &mut self,
        facts: SegmentFacts,
        log_from: u64,
        fill: impl FnOnce(&mut SegmentWriter) -> Result<Vec<u8>, StoreError> + Send + 'static,
    ) -> Work {
        let outcome = Outcome {
            facts,
            replaced: Vec::new(),
            log_from,
        };
        Work {
            reserved: self.reserve(),
            fill: Box::new(fill),
            outcome,
        }
    }

    /// The merge that is due, if one is.
    pub(crate) fn begin_merge(&mut self, cache: &Arc<Cache>, combine: Combine) -> Option<Work> {
        let all: Vec<SegmentFacts> = self.facts().copied().collect();
        let chosen = due(&all)?;
        let reader = |facts: &SegmentFacts| self.reader(facts.number).cloned();
        let readers: Vec<Arc<SegmentReader>> = chosen.iter().filter_map(reader).collect();
        let outcome = Outcome {
            facts: merged(chosen),
            replaced: readers.iter().map(|reader| reader.number()).collect(),
            log_from: 0,
        };
        let cache = cache.clone();
        Some(Work {
            reserved: self.reserve(),
            fill: Box::new(move |writer| combine(&readers, &cache, writer)),
            outcome,
        })
    }

    /// Makes a segment count, unless what it was made of has outlived itself meanwhile.
    pub(crate) fn end_work(&mut self, done: &Done) -> Result<(), StoreError> {
        let Outcome {
            facts,
            replaced,
            log_from,
        } = &done.outcome;
        if !replaced.iter().all(|number| self.reader(*number).is_some()) {
            self.discard_work(done);
            return Ok(());
        }
        self.publish(&done.written, *facts, replaced, *log_from)
    }

    /// Takes away what is not wanted after all.
    pub(crate) fn discard_work(&self, done: &Done) {
        self.discard(&done.written);
    }
}

/// Segments that are to become one: the first stretch of enough of them, all of one level.
fn due(facts: &[SegmentFacts]) -> Option<&[SegmentFacts]> {
    facts.windows(MERGE_COUNT).find(|some| {
        let same = some
            .windows(2)
            .all(|two| two.first().map(|f| f.level) == two.last().map(|f| f.level));
        let bytes: u64 = some.iter().map(|facts| facts.bytes).sum();
        let min_ms = some.iter().map(|facts| facts.min_ms).min().unwrap_or(0);
        let max_ms = some.iter().map(|facts| facts.max_ms).max().unwrap_or(0);
        same && bytes <= MERGED_BYTES_MAX && max_ms.saturating_sub(min_ms) <= MERGED_MS_MAX
    })
}

/// What is known of the segment that comes of them.
fn merged(parts: &[SegmentFacts]) -> SegmentFacts {
    SegmentFacts {
        level: parts
            .iter()
            .map(|facts| facts.level)
            .max()
            .unwrap_or(0)
            .saturating_add(1),
        min_ms: parts.iter().map(|facts| facts.min_ms).min().unwrap_or(0),
        max_ms: parts.iter().map(|facts| facts.max_ms).max().unwrap_or(0),
        items: parts.iter().map(|facts| facts.items).sum(),
        ..SegmentFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_level_are_merged_and_days_are_not() {
        let facts = |levels: &[u8], each_ms: i64| -> Vec<SegmentFacts> {
            (levels.iter().zip(1..))
                .map(|(level, number)| SegmentFacts {
                    number,
                    level: *level,
                    min_ms: number as i64 * each_ms,
                    max_ms: (number as i64 + 1) * each_ms,
                    ..SegmentFacts::default()
                })
                .collect()
        };
        let first = |facts: &[SegmentFacts]| due(facts).map(|some| some[0].number);
        assert_eq!(first(&facts(&[1, 0, 0, 0], 1)), None);
        assert_eq!(first(&facts(&[1, 0, 0, 0, 0], 1)), Some(2));
        assert_eq!(first(&facts(&[0; 4], MERGED_MS_MAX / 2)), None);
    }
}
