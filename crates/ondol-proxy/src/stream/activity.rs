use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

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
}

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
