use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri, Version};
use ondol_model::{Origin, Reason, Refusal, Time};

use crate::policy::trace::Hop;
use crate::upstream::{Cluster, Upstream};
use crate::worker::{Client, Shard};

/// What is noted of one request while it is served. Cheap to begin: what the client wrote is shared, not copied.
pub(crate) struct Trail {
    pub shard: Rc<Shard>,
    pub client: Rc<Client>,
    pub began: Time,
    pub method: Method,
    pub uri: Uri,
    pub host: Option<HeaderValue>,
    pub user_agent: Option<HeaderValue>,
    pub version: Version,
    /// For the names of a trace that nothing else has named.
    pub random: u128,
    pub way: RefCell<Option<(Rc<Cluster>, Origin)>>,
    /// Who was asked last.
    pub endpoint: RefCell<Option<Rc<Upstream>>>,
    pub request_id: RefCell<Option<HeaderValue>>,
    pub hop: Cell<Option<Hop>>,
    pub status: Cell<u16>,
    /// Of a call of gRPC.
    pub grpc_status: Cell<Option<u8>>,
    pub reason: Cell<Option<Reason>>,
    pub attempts: Cell<u32>,
    pub bytes_in: Cell<u64>,
    pub bytes_out: Cell<u64>,
    /// The answer broke off, and not because of the client.
    pub broke: Cell<bool>,
    /// The last byte of the answer is on its way.
    done: Cell<bool>,
    /// It was counted when it became something else than a request.
    counted: Cell<bool>,
}

/// What a client wrote.
pub(crate) struct Wrote {
    pub method: Method,
    pub uri: Uri,
    pub host: Option<HeaderValue>,
    pub user_agent: Option<HeaderValue>,
    pub version: Version,
}

impl Wrote {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        Wrote {
            method: request.method().clone(),
            uri: request.uri().clone(),
            host: headers.get(HOST).cloned(),
            user_agent: headers.get(USER_AGENT).cloned(),
            version: request.version(),
        }
    }
}

impl Trail {
    /// `None` when nobody wants to know.
    pub(crate) fn begin(
        shard: &Rc<Shard>,
        client: &Rc<Client>,
        wrote: impl FnOnce() -> Wrote,
        random: impl FnOnce() -> u128,
    ) -> Option<Rc<Trail>> {
        if !shard.recorder.is_wanted() {
            return None;
        }
        let wrote = wrote();
        Some(Rc::new(Trail {
            shard: shard.clone(),
            client: client.clone(),
            began: shard.now(),
            method: wrote.method,
            uri: wrote.uri,
            host: wrote.host,
            user_agent: wrote.user_agent,
            version: wrote.version,
            random: random(),
            way: RefCell::default(),
            endpoint: RefCell::default(),
            request_id: RefCell::default(),
            hop: Cell::default(),
            status: Cell::default(),
            grpc_status: Cell::default(),
            reason: Cell::default(),
            attempts: Cell::default(),
            bytes_in: Cell::default(),
            bytes_out: Cell::default(),
            broke: Cell::default(),
            done: Cell::default(),
            counted: Cell::default(),
        }))
    }

    /// Where it goes is known.
    pub(crate) fn goes(&self, cluster: &Rc<Cluster>, origin: Origin) {
        self.way.replace(Some((cluster.clone(), origin)));
    }

    /// Whether a trace that begins with it is recorded.
    pub(crate) fn begins_trace(&self, random: u64) -> bool {
        let way = self.way.borrow();
        let project = way.as_ref().map(|(cluster, _)| &cluster.service().project);
        project.is_none_or(|project| self.shard.recorder.begins_trace(project, random))
    }

    /// The trace that it belongs to is known.
    pub(crate) fn belongs(&self, hop: Hop) {
        self.hop.set(Some(hop));
    }

    /// What it is called (`X-Request-Id`).
    pub(crate) fn named(&self, id: Option<&HeaderValue>) {
        self.request_id.replace(id.cloned());
    }

    /// It was sent to an endpoint before this was begun.
    pub(crate) fn was_tried(&self) {
        self.attempts.set(self.attempts.get() + 1);
    }

    /// It is sent to an endpoint, for the first time or again.
    pub(crate) fn sent_to(&self, endpoint: Rc<Upstream>) {
        self.attempts.set(self.attempts.get() + 1);
        self.endpoint.replace(Some(endpoint));
    }

    /// Why its answer is not the service's own. The first that is said counts.
    pub(crate) fn because(&self, reason: impl Into<Reason>) {
        if self.reason.get().is_none() {
            self.reason.set(Some(reason.into()));
        }
    }

    /// The head of its answer is there.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.status.set(status.as_u16());
        // What has no body is complete with its head, whatever we would have sent.
        let bodiless = matches!(status.as_u16(), 204 | 304) || self.method == Method::HEAD;
        if bodiless {
            self.done.set(true);
        }
    }

    /// It is a call of gRPC, and came to this.
    pub(crate) fn came_to(&self, grpc_status: u8) {
        self.grpc_status.set(Some(grpc_status));
    }

    /// Bytes of its body came from the client.
    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.set(self.bytes_in.get() + bytes as u64);
    }

    /// Bytes of the answer's body go to the client.
    pub(crate) fn gave(&self, bytes: usize) {
        self.bytes_out.set(self.bytes_out.get() + bytes as u64);
    }

    /// So many bytes went both ways after a switch.
    pub(crate) fn carried(&self, received: u64, gave: u64) {
        self.bytes_in.set(received);
        self.bytes_out.set(gave);
    }

    /// The answer broke off in the middle.
    pub(crate) fn broke(&self, refusal: Refusal) {
        self.broke.set(true);
        self.because(refusal);
        self.done.set(true);
    }

    /// All of the answer is on its way.
    pub(crate) fn done(&self) {
        self.done.set(true);
    }

    /// What follows is not a request any more, and may last for ever: it is counted now.
    pub(crate) fn switched(&self) {
        self.done.set(true);
        self.answered(StatusCode::SWITCHING_PROTOCOLS);
        self.shard.recorder.count(self, self.shard.now());
        self.counted.set(true);
    }

    /// Nobody works for it any more.
    pub(crate) fn finish(&self) {
        let gone = !self.done.get() || self.status.get() == 0;
        if gone {
            self.because(Refusal::ClientGone);
        }
        if self.status.get() == 0 {
            self.status.set(CLIENT_GONE);
        }
        let now = self.shard.now();
        if !self.counted.get() {
            self.shard.recorder.count(self, now);
        }
        self.shard.recorder.keep(self, now);
    }
}

/// As nginx counts a client that left before its answer.
const CLIENT_GONE: u16 = 499;
