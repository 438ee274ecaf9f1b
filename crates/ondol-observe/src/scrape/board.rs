//! What came of asking each endpoint last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Scrape;

/// What came of asking an endpoint last.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) url: String,
    /// Empty when all was well.
    pub(crate) error: String,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) took: Duration,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// All endpoints, by the keys of their targets.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<String, Seen>>);

impl Board {
    pub(super) fn note(
        &self,
        scrape: &Scrape,
        took: Duration,
        timeout: Duration,
        error: Option<String>,
        now_ms: i64,
    ) {
        let seen = Seen {
            labels: scrape.target.labels.clone(),
            url: format!("http://{}{}", scrape.host, scrape.path),
            error: error.unwrap_or_default(),
            at_ms: now_ms,
            took,
            interval: scrape.interval,
            timeout,
        };
        self.lock().insert(scrape.target.key.clone(), seen);
    }

    pub(super) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
