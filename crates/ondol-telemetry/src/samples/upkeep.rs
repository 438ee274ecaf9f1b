//! What has to be done now and then: memory to segments, small segments to large ones, old ones away.

use super::engine::Samples;
use super::segment;
use crate::store::{Merge, Merged, SegmentFacts, StoreError};

impl Samples {
    /// Does what is due at `now_ms`: makes writes last, moves memory to a segment, forgets. Call it each second, and
    /// then see whether there is something to merge.
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

    /// Makes everything that was taken in last, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn sync(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.journal.log.sync(now_ms)
    }

    /// Segments of one level that follow each other, if there are enough to merge them. The work is done without the
    /// engine; [`Samples::end_merge`] takes what came of it.
    pub fn begin_merge(&mut self) -> Option<Merge> {
        self.segments.begin_merge(&self.cache, segment::merge)
    }

    /// Takes what came of a merge.
    ///
    /// # Errors
    ///
    /// When the disk fails; the small segments stay then.
    pub fn end_merge(&mut self, merged: &Merged) -> Result<(), StoreError> {
        self.segments.end_merge(merged)
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
