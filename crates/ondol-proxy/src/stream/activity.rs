use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ondol_model::Time;

use crate::guard::Fault;

/// What a client connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Between requests, or before the first.
    Idle,
    /// Some of a request's head was read.
    Head,
    /// A request or a tunnel is served: it may take as long as it needs.
    Busy,
}

/// What a connection is doing and since when, to the second. Atomic only because hyper wants its streams `Send`;
/// no other thread ever looks.
pub(crate) struct Activity {
    doing: AtomicU8,
    since: AtomicU64,
    /// The worker's clock, moved by its tick.
    coarse: Arc<AtomicU64>,
    /// Requests that are served: HTTP/2 has several at once.
    serving: AtomicU32,
    /// The number of a [`Fault`], or 0.
    fault: AtomicU8,
    switched: AtomicBool,
    /// Some request had a header whose name has `_`.
    underscored: AtomicBool,
    /// Since when the middle of a request's body is waited for, in nanoseconds; 0 when it is not.
    body_since: AtomicU64,
    /// Since when the client has not taken what it was given of an answer; 0 when nothing waits for it.
    given_since: AtomicU64,
    /// The same by request, where several are served at once.
    streams: Mutex<BTreeMap<u32, u64>>,
    next_stream: AtomicU32,
}

/// Names an answer among those of a connection that has several at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamId(u32);

impl Activity {
    pub(crate) fn new(coarse: Arc<AtomicU64>) -> Arc<Self> {
        let since = AtomicU64::new(coarse.load(Ordering::Relaxed));
        Arc::new(Activity {
            doing: AtomicU8::new(0),
            since,
            coarse,
            serving: AtomicU32::new(0),
            fault: AtomicU8::new(0),
            switched: AtomicBool::new(false),
            underscored: AtomicBool::new(false),
            body_since: AtomicU64::new(0),
            given_since: AtomicU64::new(0),
            streams: Mutex::default(),
            next_stream: AtomicU32::new(0),
        })
    }

    pub(crate) fn get(&self) -> (Doing, Time) {
        let doing = match self.doing.load(Ordering::Relaxed) {
            0 => Doing::Idle,
            1 => Doing::Head,
            _ => Doing::Busy,
        };
        (doing, Time::from_nanos(self.since.load(Ordering::Relaxed)))
    }

    pub(crate) fn set(&self, doing: Doing) {
        let number = match doing {
            Doing::Idle => 0,
            Doing::Head => 1,
            Doing::Busy => 2,
        };
        self.doing.store(number, Ordering::Relaxed);
        self.touch();
    }

    /// A request is served from now on.
    pub(crate) fn begin(&self) {
        let serving = self.serving.load(Ordering::Relaxed);
        self.serving.store(serving + 1, Ordering::Relaxed);
        self.set(Doing::Busy);
    }

    /// It is not any more.
    pub(crate) fn end(&self) {
        let left = self.serving.load(Ordering::Relaxed) - 1;
        self.serving.store(left, Ordering::Relaxed);
        if left == 0 {
            self.set(Doing::Idle);
        }
    }

    /// A name for an answer, when there are several at once.
    pub(crate) fn stream(&self) -> StreamId {
        StreamId(self.next_stream.fetch_add(1, Ordering::Relaxed))
    }

    /// The client has been given a piece of an answer, and the next is fetched when it has taken that.
    pub(crate) fn give(&self, stream: Option<StreamId>) {
        let now = self.coarse.load(Ordering::Relaxed);
        match stream {
            None => self.given_since.store(now, Ordering::Relaxed),
            Some(StreamId(id)) => {
                self.streams().insert(id, now);
            }
        }
    }

    /// It has taken it.
    pub(crate) fn taken(&self, stream: Option<StreamId>) {
        match stream {
            None => self.given_since.store(0, Ordering::Relaxed),
            Some(StreamId(id)) => {
                self.streams().remove(&id);
            }
        }
    }

    /// More of a request's body is waited for, or came.
    pub(super) fn wait_for_body(&self, waits: bool) {
        let since = self.body_since.load(Ordering::Relaxed);
        if waits != (since > 0) {
            let now = self.coarse.load(Ordering::Relaxed).max(1);
            let since = if waits { now } else { 0 };
            self.body_since.store(since, Ordering::Relaxed);
        }
    }

    /// Since when the client has been waited for in the middle of a request or an answer.
    pub(crate) fn stalled_since(&self) -> Option<Time> {
        let one = [&self.body_since, &self.given_since].map(|since| since.load(Ordering::Relaxed));
        let oldest = self
            .streams()
            .values()
            .copied()
            .chain(one)
            .filter(|since| *since > 0)
            .min();
        oldest.map(Time::from_nanos)
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some request has a header whose name has `_`.
    pub(crate) fn note_underscore(&self) {
        self.underscored.store(true, Ordering::Relaxed);
    }

    /// Whether any had.
    pub(crate) fn has_underscores(&self) -> bool {
        self.underscored.load(Ordering::Relaxed)
    }

    /// What is wrong with the request that is not read.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::from_number(self.fault.load(Ordering::Relaxed))
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::Relaxed);
    }

    /// What follows is not HTTP any more.
    pub(crate) fn switch(&self) {
        self.switched.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_switched(&self) -> bool {
        self.switched.load(Ordering::Relaxed)
    }

    pub(super) fn touch(&self) {
        self.since
            .store(self.coarse.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn read_some(&self) {
        if self.doing.load(Ordering::Relaxed) == 0 {
            self.set(Doing::Head);
        }
    }
}
