//! What has to be done now and then: memory to segments, small segments to large ones, old ones away.

use std::sync::Arc;

use super::engine::Samples;
use super::segment;
use crate::store::{self, SegmentFacts, SegmentReader, StoreError};

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
        let Some(chosen) = store::due(&facts) else {
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
        let facts = store::merged(chosen);
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
