//! What has to be done now and then: memory to segments, small segments to large ones, old ones away.

use std::sync::Arc;

use super::engine::{Frozen, Samples};
use super::head::Head;
use super::segment;
use crate::shared::Engine;
use crate::store::{Done, SegmentFacts, StoreError, Work};

impl Samples {
    /// Makes everything that was taken in last, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn sync(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.journal.log.sync(now_ms)
    }

    /// Nothing is taken in while segments cannot be written and memory is at twice its cap.
    pub(super) fn check_pressure(&self) -> Result<(), StoreError> {
        let frozen = self.frozen_head().map_or(0, Head::sample_bytes);
        let head_bytes = self.head.sample_bytes() + frozen;
        match head_bytes > self.config.head_bytes_max.saturating_mul(2) {
            true => Err(StoreError::Behind {
                head_bytes: head_bytes as u64,
            }),
            false => Ok(()),
        }
    }

    /// Puts memory aside. A new log file must have begun.
    fn freeze(&mut self, log_from: u64) {
        let pages = &mut self.pages;
        let head = self.head.freeze(|key, places| {
            if let Some(page) = pages.get_mut(key) {
                page.moved(places);
            }
        });
        self.frozen = Some(Arc::new(Frozen { head, log_from }));
        let by_key = &self.head.by_key;
        pages.retain(|key, _| by_key.contains_key(key));
        let table = &self.head.table;
        self.exemplars
            .retain(|series| !table.pairs(series).is_empty());
        self.count_jobs();
    }
}

impl Engine for Samples {
    fn maintain(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.journal.log.sync_if_due(now_ms)?;
        self.segments.retain(&self.config.retention, now_ms)?;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.head.sample_bytes() >= self.config.head_bytes_max
    }

    fn is_old(&self, now_ms: i64) -> bool {
        let age_ms = (self.head.span_ms()).map_or(0, |(min_ms, _)| now_ms.saturating_sub(min_ms));
        age_ms > i64::try_from(self.config.head_ms_max).unwrap_or(i64::MAX)
    }

    fn is_sealing(&self) -> bool {
        self.frozen.is_some()
    }

    fn begin_seal(&mut self, now_ms: i64) -> Result<Option<Work>, StoreError> {
        if self.frozen.is_none() && self.head.span_ms().is_some() {
            let log_from = self.journal.rotate(now_ms)?;
            self.freeze(log_from);
        }
        let Some(frozen) = self.frozen.clone() else {
            return Ok(None);
        };
        let (min_ms, max_ms) = frozen.head.span_ms().unwrap_or_default();
        let facts = SegmentFacts {
            min_ms,
            max_ms,
            items: frozen.head.items,
            ..SegmentFacts::default()
        };
        let log_from = frozen.log_from;
        let fill = move |writer: &mut _| segment::seal(&frozen.head, writer);
        Ok(Some(self.segments.begin_seal(facts, log_from, fill)))
    }

    fn begin_merge(&mut self) -> Option<Work> {
        self.segments.begin_merge(&self.cache, segment::merge)
    }

    fn end_work(&mut self, done: &Done) -> Result<(), StoreError> {
        let Some(log_from) = done.sealed() else {
            return self.segments.end_work(done);
        };
        if self.frozen.as_ref().map(|frozen| frozen.log_from) != Some(log_from) {
            // Somebody else wrote it, and was faster.
            self.segments.discard_work(done);
            return Ok(());
        }
        self.segments.end_work(done)?;
        self.frozen = None;
        // What cannot be removed now is removed at the next start.
        self.journal.log.forget_before(log_from).or(Ok(()))
    }
}
