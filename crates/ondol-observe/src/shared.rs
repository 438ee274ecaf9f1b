//! What every part of the service has in its hands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore, watch};

use crate::alerts::Desk;
use crate::forward::{Forwarded, Late};
use crate::ingest::Turns;
use crate::intake::Drops;
use crate::last_end::LastEnd;
use crate::live::Live;
use crate::proxy::Taken;
use crate::scrape::Board;
use crate::server::Answer;
use crate::stores::{Settings, Stores};
use crate::traces::Traces;

/// Questions that are answered at the same time; the rest waits in line.
const QUESTIONS_MAX: usize = 4;

/// What every part of the service has in its hands. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) stores: Stores,
    pub(crate) drops: Arc<Drops>,
    /// Lines as they come.
    pub(crate) live: Arc<Live>,
    pub(crate) alerts: Arc<Desk>,
    pub(crate) forwarded: Arc<Forwarded>,
    pub(crate) late: Arc<Late>,
    pub(crate) traces: Arc<Traces>,
    /// What the proxy counted.
    pub(crate) proxy: Arc<Mutex<Taken>>,
    /// Up to which report of each proxy everything is counted and kept.
    pub(crate) counted: watch::Sender<BTreeMap<u64, u64>>,
    /// Memory is full: what is done each second is to be done now.
    pub(crate) work_is_due: Arc<Notify>,
    /// Whose body is decoded next.
    pub(crate) turns: Turns,
    pub(crate) scraped: Arc<Board>,
    /// How the run before this one ended.
    pub(crate) last_end: Arc<Option<LastEnd>>,
    pub(crate) settings: Arc<Settings>,
    /// When the service began, in milliseconds since 1970.
    pub(crate) started_ms: i64,
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    questions: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(
        stores: Stores,
        alerts: Desk,
        last_end: Option<LastEnd>,
        settings: Settings,
        started_ms: i64,
    ) -> Self {
        let proxy = Taken::found(&stores, started_ms);
        Shared {
            counted: watch::Sender::new(proxy.counted()),
            proxy: Arc::new(Mutex::new(proxy)),
            stores,
            drops: Arc::default(),
            live: Arc::default(),
            alerts: Arc::new(alerts),
            forwarded: Arc::default(),
            late: Arc::new(Late::new(&settings, started_ms)),
            traces: Arc::default(),
            work_is_due: Arc::default(),
            turns: Turns::default(),
            scraped: Arc::default(),
            last_end: Arc::new(last_end),
            settings: Arc::new(settings),
            started_ms,
            addresses: Arc::default(),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.addresses.lock();
        addresses.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add_address(&self, address: SocketAddr) {
        let addresses = self.addresses.lock();
        addresses
            .unwrap_or_else(PoisonError::into_inner)
            .push(address);
    }

    /// Answers on a thread of its own, a few at the same time: for all that reads the disk, computes, or waits for a
    /// store.
    pub(crate) async fn answer(
        &self,
        work: impl FnOnce(&Shared, &Stop) -> Answer + Send + 'static,
    ) -> Answer {
        let turn = self.questions.clone().acquire_owned().await;
        let (shared, stop) = (self.clone(), Stop::default());
        // Set when nobody waits for the answer any more: then this future is dropped.
        let _gone = Gone(stop.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&shared, &stop)
        });
        answer
            .await
            .unwrap_or_else(|_| Answer::unavailable("the question could not be answered"))
    }
}

/// Says that nobody waits for an answer any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Gone(Stop);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
