//! What has to be done now and then: memory to segments, small segments to large ones, old ones away.

use std::sync::Arc;

use super::engine::Samples;
use super::segment;
use crate::store::{SegmentFacts, SegmentReader, StoreError};

/// So many segments of one level become one of the next.
const MERGE_COUNT: usize = 4;
/// What is larger, or longer, is not merged again.
const MERGED_BYTES_MAX: u64 = 128 << 20;
const MERGED_MS_MAX: i64 = 24 * 3600 * 1000;

impl Samples {
    /// Does what is due at `now_ms`: makes writes last, moves memory to a segment, merges, forgets. Call it each second.
    ///
    /// # Errors
    ///
    /// When the disk fails. Nothing is lost then, and the next call tries again.
    pub fn maintain(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.journal.log.sync_if_due(now_ms)?;
        let is_full = self.head.sample_bytes() >= self.config.head_bytes_max;
        let age_ms = self
            .head
            .span_ms()
            .map_or(0, |(min_ms, _)| now_ms.saturating_sub(min_ms));
        let is_old = age_ms > i64::try_from(self.config.head_ms_max).unwrap_or(i64::MAX);
        if is_full || is_old {
            self.seal(now_ms)?;
        }
        self.merge_one()?;
        self.segments.retain(&self.config.retention, now_ms)?;
        Ok(())
    }

    /// Moves everything in memory to a segment, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails; memory and log still have it all then.
    pub fn seal(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let Some((min_ms, max_ms)) = self.head.span_ms() else {
            return Ok(());
        };
        let log_from = self.journal.rotate(now_ms)?;
        let head = &self.head;
        let written = self.segments.write(|writer| segment::seal(head, writer))?;
        let facts = SegmentFacts {
            min_ms,
            max_ms,
            items: head.items,
            ..SegmentFacts::default()
        };
        self.segments.publish(&written, facts, &[], log_from)?;
        let pages = &mut self.pages;
        self.head.clear(|key, places| {
            if let Some(page) = pages.get_mut(key) {
                page.moved(places);
            }
        });
        let by_key = &self.head.by_key;
        pages.retain(|key, _| by_key.contains_key(key));
        let table = &self.head.table;
        self.exemplars
            .retain(|series| !table.pairs(series).is_empty());
        self.count_jobs();
        // What cannot be removed now is removed at the next start.
        self.journal.log.forget_before(log_from).or(Ok(()))
    }

    /// Merges segments of one level that follow each other, if there are enough; says whether there were.
    ///
    /// # Errors
    ///
    /// When the disk fails; the small segments stay then.
    pub fn merge_one(&mut self) -> Result<bool, StoreError> {
        let facts: Vec<SegmentFacts> = self.segments.facts().copied().collect();
        let Some(chosen) = due(&facts) else {
            return Ok(false);
        };
        let numbers: Vec<u64> = chosen.iter().map(|facts| facts.number).collect();
        let readers: Vec<Arc<SegmentReader>> = numbers
            .iter()
            .filter_map(|number| self.segments.reader(*number).cloned())
            .collect();
        let cache = &self.cache;
        let written = self
            .segments
            .write(|writer| segment::merge(&readers, cache, writer))?;
        let facts = SegmentFacts {
            level: chosen.iter().map(|facts| facts.level).max().unwrap_or(0) + 1,
            min_ms: chosen.iter().map(|facts| facts.min_ms).min().unwrap_or(0),
            max_ms: chosen.iter().map(|facts| facts.max_ms).max().unwrap_or(0),
            items: chosen.iter().map(|facts| facts.items).sum(),
            ..SegmentFacts::default()
        };
        self.segments.publish(&written, facts, &numbers, 0)?;
        Ok(true)
    }

    /// Nothing is taken in while segments cannot be written and memory is at twice its cap.
    pub(super) fn check_pressure(&self) -> Result<(), StoreError> {
        if self.head.sample_bytes() > self.config.head_bytes_max.saturating_mul(2) {
            return Err(StoreError::Behind {
                head_bytes: self.head.sample_bytes() as u64,
            });
        }
        Ok(())
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
