//! Segments that become one: which of them, a pure choice; and the work, which goes on beside the engine.

use std::sync::Arc;

use super::cache::Cache;
use super::error::StoreError;
use super::manifest::SegmentFacts;
use super::segment::{SegmentReader, SegmentWriter};
use super::segments::{Reserved, Segments, Written};

/// So many segments of one level become one of the next.
const MERGE_COUNT: usize = 4;
/// What is larger, or longer, is not merged again: a merge holds its engine up, and whole segments are what is forgotten.
const MERGED_BYTES_MAX: u64 = 32 << 20;
const MERGED_MS_MAX: i64 = 24 * 3600 * 1000;

/// Writes what is in all of the segments, the oldest first; returns the index.
type Fill = fn(&[Arc<SegmentReader>], &Cache, &mut SegmentWriter) -> Result<Vec<u8>, StoreError>;

/// A merge that is due. It needs nothing of its engine while it runs, so that nobody waits for it.
pub struct Merge {
    readers: Vec<Arc<SegmentReader>>,
    facts: SegmentFacts,
    reserved: Reserved,
    cache: Arc<Cache>,
    fill: Fill,
}

/// A merge that was written, and does not count yet.
pub struct Merged {
    written: Written,
    facts: SegmentFacts,
    replaced: Vec<u64>,
}

impl Merge {
    /// Does the work; then the engine has to be told.
    ///
    /// # Errors
    ///
    /// When the disk fails; the small segments stay then.
    pub fn run(self) -> Result<Merged, StoreError> {
        let Merge {
            readers,
            facts,
            reserved,
            cache,
            fill,
        } = self;
        let written = reserved.write(|writer| fill(&readers, &cache, writer))?;
        let replaced = readers.iter().map(|reader| reader.number()).collect();
        Ok(Merged {
            written,
            facts,
            replaced,
        })
    }
}

impl Segments {
    /// The merge that is due, if one is.
    pub(crate) fn begin_merge(&mut self, cache: &Arc<Cache>, fill: Fill) -> Option<Merge> {
        let all: Vec<SegmentFacts> = self.facts().copied().collect();
        let chosen = due(&all)?;
        let reader = |facts: &SegmentFacts| self.reader(facts.number).cloned();
        Some(Merge {
            readers: chosen.iter().filter_map(reader).collect(),
            facts: merged(chosen),
            reserved: self.reserve(),
            cache: cache.clone(),
            fill,
        })
    }

    /// Makes a merge count, unless what it was made of has outlived itself meanwhile.
    pub(crate) fn end_merge(&mut self, merged: &Merged) -> Result<(), StoreError> {
        let is_there = |number: &u64| self.reader(*number).is_some();
        if !merged.replaced.iter().all(is_there) {
            self.discard(&merged.written);
            return Ok(());
        }
        self.publish(&merged.written, merged.facts, &merged.replaced, 0)
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
