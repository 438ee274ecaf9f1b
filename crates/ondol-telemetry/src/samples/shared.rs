//! The engine, shared by one who writes and many who read.
//!
//! Whoever asks holds the engine only while it takes what its answer stands on: the segments, which never change, and a
//! copy of those pieces of memory that match. Unpacking, reading the disk and computing go on without it, and so does
//! every merge, so that nobody who writes waits for a question or for a merge. What one selector of a query sees is one
//! moment of the engine, with each scrape whole or not at all; two selectors of one query may have a scrape between them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ondol_query::{Selected, Selection, Source, SourceError};

use super::engine::Samples;
use crate::store::StoreError;

/// All metrics of one node, for many threads.
#[derive(Clone)]
pub struct SharedSamples(Arc<RwLock<Samples>>);

impl SharedSamples {
    /// Shares the engine.
    pub fn new(samples: Samples) -> Self {
        SharedSamples(Arc::new(RwLock::new(samples)))
    }

    /// For a short look; who writes waits.
    pub fn read(&self) -> RwLockReadGuard<'_, Samples> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To take something in; everybody waits.
    pub fn write(&self) -> RwLockWriteGuard<'_, Samples> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due, see [`Samples::maintain`], and the merges that are due, during which nobody waits. Call it
    /// each second, from one place.
    ///
    /// # Errors
    ///
    /// When the disk fails. Nothing is lost then, and the next call tries again.
    pub fn maintain(&self, now_ms: i64) -> Result<(), StoreError> {
        self.write().maintain(now_ms)?;
        loop {
            let merge = self.write().begin_merge();
            let Some(merge) = merge else {
                return Ok(());
            };
            let merged = merge.run()?;
            self.write().end_merge(&merged)?;
        }
    }
}

impl Source for SharedSamples {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let taken = self.read().take(selection)?;
        taken.answer(selection)
    }
}
