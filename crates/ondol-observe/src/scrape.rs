//! Endpoints that say their metrics, asked again and again; each by a task of its own, at its own moments.

mod ask;
mod board;
mod own;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ondol_telemetry::{Format, Line, Lines, ScrapeError, Target};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::clock::{self, Watch};
use crate::shared::Shared;
use ask::{Asker, Page};
pub(crate) use board::{Board, Seen};

/// An answer may take so long, or as long as it is until the next question.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How often one is looked at that nobody said has metrics.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Opens a connection to an endpoint.
pub type Dial = Arc<dyn Fn() -> Dialing + Send + Sync>;
/// A connection that is being opened.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// An endpoint that says its metrics.
#[derive(Clone)]
pub struct Scrape {
    /// Its name among all, and the labels that its series get.
    pub target: Target,
    /// How it is reached.
    pub dial: Dial,
    /// What it is called: `10.88.0.3:8080`.
    pub host: String,
    /// `/metrics`
    pub path: String,
    /// How often it is asked.
    pub interval: Duration,
    /// Somebody said that it has metrics. Otherwise it is looked whether it does, and while it does not, nothing of it
    /// is stored.
    pub expected: bool,
}

impl Scrape {
    fn is(&self, other: &Scrape) -> bool {
        let what = |scrape: &Scrape| (scrape.interval, scrape.expected);
        self.target == other.target
            && (&self.host, &self.path) == (&other.host, &other.path)
            && what(self) == what(other)
    }
}

/// Asks all that is wanted, until it is told to leave.
pub(crate) async fn run(
    mut wanted: watch::Receiver<Vec<Scrape>>,
    shared: Shared,
    mut leave: watch::Receiver<bool>,
) {
    let own = tokio::spawn(own::run(shared.clone()));
    let mut running: BTreeMap<String, (Scrape, JoinHandle<()>)> = BTreeMap::new();
    loop {
        let scrapes = wanted.borrow_and_update().clone();
        let keys: Vec<&String> = scrapes.iter().map(|scrape| &scrape.target.key).collect();
        let gone: Vec<String> =
            (running.keys().filter(|key| !keys.contains(key)).cloned()).collect();
        for key in gone {
            if let Some((_, task)) = running.remove(&key) {
                task.abort();
                forget(&shared, key).await;
            }
        }
        for scrape in scrapes {
            let key = scrape.target.key.clone();
            if running.get(&key).is_some_and(|(now, _)| now.is(&scrape)) {
                continue;
            }
            let task = tokio::spawn(follow(scrape.clone(), shared.clone()));
            if let Some((_, before)) = running.insert(key, (scrape, task)) {
                before.abort();
            }
        }
        tokio::select! {
            _ = leave.wait_for(|leave| *leave) => break,
            Ok(()) = wanted.changed() => {}
        }
    }
    own.abort();
    running.values().for_each(|(_, task)| task.abort());
}

async fn forget(shared: &Shared, key: String) {
    shared.scraped.forget(&key);
    let shared = shared.clone();
    let forget = move || shared.stores.samples.write().forget(&key, clock::now_ms());
    // What cannot be stored now is stale by its age five minutes later.
    let _ = tokio::task::spawn_blocking(forget).await;
}

/// Asks one endpoint for ever.
async fn follow(scrape: Scrape, shared: Shared) {
    let mut asker = Asker::new(&scrape);
    let timeout = scrape.interval.min(TIMEOUT_MAX);
    if !scrape.expected {
        while !says_metrics(&mut asker, timeout).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    tokio::time::sleep(offset(&scrape)).await;
    let mut tick = tokio::time::interval(scrape.interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let watch = Watch::start();
        let answer = tokio::time::timeout(timeout, asker.ask()).await;
        let page = answer.unwrap_or_else(|_| {
            asker.hang_up();
            Err(format!("no answer within {timeout:?}"))
        });
        let took = watch.elapsed();
        let (target, store) = (scrape.target.clone(), shared.clone());
        let work = move || keep(&store, &target, page, took);
        let error = tokio::task::spawn_blocking(work).await.unwrap_or_default();
        shared
            .scraped
            .note(&scrape, took, timeout, error, clock::now_ms());
    }
}

/// Takes the page in; says why it could not be, if it could not.
fn keep(
    shared: &Shared,
    target: &Target,
    page: Result<Page, String>,
    took: Duration,
) -> Option<String> {
    let (now_ms, took_ms) = (clock::now_ms(), took.as_millis() as u64);
    let mut samples = shared.stores.samples.write();
    let error = match page {
        Ok(page) => {
            let taken = samples.scrape(target, &page.body, page.format, took_ms, now_ms);
            return match taken {
                Ok(_) => None,
                Err(error @ (ScrapeError::Page(_) | ScrapeError::Store(_))) => {
                    Some(error.to_string())
                }
            };
        }
        Err(error) => error,
    };
    match samples.scrape_failed(target, took_ms, now_ms) {
        Ok(()) => Some(error),
        Err(not_stored) => Some(format!("{error}; {not_stored}")),
    }
}

/// Whether there is a page with metrics, and nothing else.
async fn says_metrics(asker: &mut Asker, timeout: Duration) -> bool {
    let answer = tokio::time::timeout(timeout, asker.ask()).await;
    asker.hang_up();
    matches!(answer, Ok(Ok(page)) if has_samples(&page.body, page.format))
}

fn has_samples(page: &[u8], format: Format) -> bool {
    let Ok(lines) = Lines::of_bytes(page, format) else {
        return false;
    };
    let mut samples = 0;
    for line in lines {
        match line {
            Ok(line) => samples += u32::from(matches!(line, Line::Sample(_))),
            Err(_) => return false,
        }
    }
    samples > 0
}

/// Not all are asked at the same moment; one endpoint always at the same place of its interval.
fn offset(scrape: &Scrape) -> Duration {
    let hash = scrape.target.key.bytes().fold(0_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let interval_ms = u64::try_from(scrape.interval.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(hash % interval_ms.clamp(1, 60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_page_is_no_page_of_metrics() {
        assert!(has_samples(b"# TYPE a counter\na 1\n", Format::Text));
        assert!(!has_samples(b"<html>\n<body>404</body>\n", Format::Text));
        assert!(!has_samples(b"", Format::Text));
    }
}
