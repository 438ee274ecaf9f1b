//! An engine, shared by those who write and many who read.
//!
//! Whoever asks holds the engine only while it takes what its answer stands on: segments, which never change, and what is
//! in memory. Reading the disk, unpacking and computing go on without it, and so does the writing of every segment.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ondol_query::{Selected, Selection, Source, SourceError};

use crate::events::{EventView, Events};
use crate::samples::Samples;
use crate::store::{Done, StoreError, Work};

/// An engine that writes to a log, keeps a head in memory, and makes segments of it.
pub trait Engine {
    /// Makes writes last and forgets what is too old, when that is due.
    ///
    /// # Errors
    ///
    /// When the disk fails. Nothing is lost then, and the next call tries again.
    fn maintain(&mut self, now_ms: i64) -> Result<(), StoreError>;

    /// Whether memory has reached its cap: then a segment should be made of it soon.
    fn is_full(&self) -> bool;

    /// Whether what is in memory is so old that a segment should be made of it.
    fn is_old(&self, now_ms: i64) -> bool;

    /// Whether memory was put aside that is in no segment yet.
    fn is_sealing(&self) -> bool;

    /// Puts memory aside, where it is still read, and begins a new one. What was put aside before comes first, so that
    /// a disk that failed is tried again. Nothing when memory is empty.
    ///
    /// # Errors
    ///
    /// When the log cannot go on in a new file. Nothing changes then.
    fn begin_seal(&mut self, now_ms: i64) -> Result<Option<Work>, StoreError>;

    /// Segments of one level that follow each other, if there are enough to merge them.
    fn begin_merge(&mut self) -> Option<Work>;

    /// Makes what was written count.
    ///
    /// # Errors
    ///
    /// When the disk fails; all stays as it was then.
    fn end_work(&mut self, done: &Done) -> Result<(), StoreError>;

    /// Moves everything in memory to a segment, whether it is due or not, while everybody waits.
    ///
    /// # Errors
    ///
    /// When the disk fails; memory and log still have it all then.
    fn seal(&mut self, now_ms: i64) -> Result<(), StoreError> {
        while let Some(work) = self.begin_seal(now_ms)? {
            self.end_work(&work.run()?)?;
        }
        Ok(())
    }
}

/// An engine for many threads. Cheap to clone; every clone is the same one.
pub struct Shared<E>(Arc<Inner<E>>);

/// All metrics of one node.
pub type SharedSamples = Shared<Samples>;
/// All log lines and spans of one node.
pub type SharedEvents = Shared<Events>;

struct Inner<E> {
    engine: RwLock<E>,
    /// Who has it writes segments; nobody else waits for that.
    writing: Mutex<()>,
}

impl<E> Clone for Shared<E> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<E: Engine> Shared<E> {
    /// Shares the engine.
    pub fn new(engine: E) -> Self {
        Shared(Arc::new(Inner {
            engine: RwLock::new(engine),
            writing: Mutex::default(),
        }))
    }

    /// For a short look; who writes waits.
    pub fn read(&self) -> RwLockReadGuard<'_, E> {
        self.0.engine.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To take something in; everybody waits.
    pub fn write(&self) -> RwLockWriteGuard<'_, E> {
        let engine = self.0.engine.write();
        engine.unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due: makes writes last, moves memory to a segment, merges, forgets. Call it each second.
    ///
    /// # Errors
    ///
    /// When the disk fails. Nothing is lost then, and the next call tries again.
    pub fn maintain(&self, now_ms: i64) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.write().maintain(now_ms)?;
        let is_due = |engine: &E| engine.is_sealing() || engine.is_full() || engine.is_old(now_ms);
        while is_due(&self.read()) && self.make(|engine| engine.begin_seal(now_ms))? {}
        while self.make(|engine| Ok(engine.begin_merge()))? {}
        Ok(())
    }

    /// Moves what is in memory to a segment, whether it is due or not.
    ///
    /// # Errors
    ///
    /// When the disk fails; memory and log still have it all then.
    pub fn seal(&self, now_ms: i64) -> Result<(), StoreError> {
        let _writing = self.writing();
        if self.read().is_sealing() {
            self.make(|engine| engine.begin_seal(now_ms))?;
        }
        self.make(|engine| engine.begin_seal(now_ms)).map(drop)
    }

    /// Makes a segment, if there is one to be made; nobody waits while it is written.
    fn make(
        &self,
        begin: impl FnOnce(&mut E) -> Result<Option<Work>, StoreError>,
    ) -> Result<bool, StoreError> {
        let work = begin(&mut self.write())?;
        let Some(work) = work else {
            return Ok(false);
        };
        let done = work.run()?;
        self.write().end_work(&done)?;
        Ok(true)
    }

    fn writing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedEvents {
    /// Everything that is there now, to search in while others write.
    pub fn view(&self) -> EventView {
        self.read().view()
    }
}

/// What one selector of a query sees is one moment of the engine, with each scrape whole or not at all; two selectors of
/// one query may have a scrape between them.
impl Source for SharedSamples {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Vec<Selected<'s>>, SourceError> {
        let taken = self.read().take(selection)?;
        taken.answer(selection)
    }
}
