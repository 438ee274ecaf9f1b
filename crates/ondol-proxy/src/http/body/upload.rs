use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::super::mirror::Mirror;
use crate::signals::Trail;
use crate::upstream::{InFlight, Upstream, add};

/// What goes to an endpoint.
pub(crate) enum Upload {
    Empty,
    /// All of a copied body.
    Bytes(Option<Bytes>),
    /// The client's body, as it comes, and for whom it is counted.
    Client(Incoming, Counted),
    /// The same, looked at as it passes.
    Watched(Incoming, Counted, Box<Watch>),
}

/// For whom the bytes of a body are counted.
pub(crate) struct Counted {
    endpoint: Option<Rc<Upstream>>,
    trail: Option<Rc<Trail>>,
    sent: Rc<Sent>,
}

/// How far a body is sent.
pub(crate) struct Sent {
    /// When the endpoint took the last piece of it.
    last: Cell<Instant>,
    /// The client is waited for.
    waits: Cell<bool>,
}

impl Sent {
    /// Since when the endpoint is waited for; `None` while the client is.
    pub(crate) fn since(&self) -> Option<Instant> {
        (!self.waits.get()).then(|| self.last.get())
    }

    fn note(&self, waits: bool) {
        self.waits.set(waits);
        if !waits {
            self.last.set(Instant::now());
        }
    }
}

/// What is done with a body that passes.
#[derive(Default)]
pub(crate) struct Watch {
    /// Bytes that may still come.
    left: Option<u64>,
    /// More came.
    exceeded: Rc<Cell<bool>>,
    mirror: Option<Rc<Mirror>>,
}

impl Upload {
    pub(crate) fn client(body: Incoming, trail: Option<Rc<Trail>>) -> Self {
        let sent = Rc::new(Sent {
            last: Cell::new(Instant::now()),
            waits: Cell::new(false),
        });
        let counted = Counted {
            endpoint: None,
            trail,
            sent,
        };
        Upload::Client(body, counted)
    }

    /// How far it is sent; `None` when there is nothing to be waited for.
    pub(crate) fn sent(&self) -> Option<Rc<Sent>> {
        match self {
            Upload::Empty | Upload::Bytes(_) => None,
            Upload::Client(_, counted) | Upload::Watched(_, counted, _) => {
                Some(counted.sent.clone())
            }
        }
    }

    /// Counts the bytes for `endpoint` from now on.
    pub(crate) fn count_for(&mut self, endpoint: &InFlight) {
        if let Upload::Client(_, counted) | Upload::Watched(_, counted, _) = self {
            counted.endpoint = Some(endpoint.upstream());
        }
    }

    /// Whether there is anything that can be read only once.
    pub(crate) fn has_some(&self) -> bool {
        !matches!(self, Upload::Empty)
    }

    /// Breaks it off after `max` bytes. What is returned says whether that happened.
    pub(crate) fn limit(&mut self, max: u64) -> Rc<Cell<bool>> {
        let Some(watch) = self.watch() else {
            return Rc::default();
        };
        watch.left = Some(max);
        watch.exceeded.clone()
    }

    pub(in crate::http) fn mirror_to(&mut self, mirror: Rc<Mirror>) {
        if let Some(watch) = self.watch() {
            watch.mirror = Some(mirror);
        }
    }

    fn watch(&mut self) -> Option<&mut Watch> {
        *self = match std::mem::replace(self, Upload::Empty) {
            Upload::Client(body, counted) => Upload::Watched(body, counted, Box::default()),
            other => other,
        };
        match self {
            Upload::Watched(_, _, watch) => Some(watch),
            _ => None,
        }
    }
}

impl Counted {
    fn count(&self, bytes: usize) {
        if let Some(endpoint) = &self.endpoint {
            add(&endpoint.counters.bytes_in, bytes as u64);
        }
        if let Some(trail) = &self.trail {
            trail.received(bytes);
        }
    }
}

impl Watch {
    /// Whether the frame may pass.
    fn see(&mut self, frame: Option<&Frame<Bytes>>) -> bool {
        let bytes = frame.and_then(Frame::data_ref);
        if let (Some(bytes), Some(left)) = (bytes, self.left) {
            self.left = left.checked_sub(bytes.len() as u64);
            self.exceeded.set(self.left.is_none());
        }
        if self.exceeded.get() {
            return false;
        }
        match (&self.mirror, bytes) {
            (Some(mirror), Some(bytes)) => mirror.see(bytes),
            (Some(mirror), None) if frame.is_none() => mirror.go(),
            _ => {}
        }
        true
    }
}

/// Why a body stops in the middle.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Its sender broke off.
    Sender(hyper::Error),
    /// It is larger than it may be.
    TooLarge,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Sender(error) => error.fmt(f),
            Broken::TooLarge => f.write_str("the body is larger than it may be"),
        }
    }
}

impl std::error::Error for Broken {}

impl Body for Upload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let (body, counted, watch) = match self.get_mut() {
            Upload::Empty => return Poll::Ready(None),
            Upload::Bytes(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Upload::Client(body, counted) => (body, counted, None),
            Upload::Watched(body, counted, watch) => (body, counted, Some(watch)),
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        counted.sent.note(polled.is_pending());
        let frame = ready!(polled);
        if let Some(Ok(frame)) = &frame {
            counted.count(frame.data_ref().map_or(0, Bytes::len));
        }
        if let Some(watch) = watch {
            let passed = match &frame {
                Some(Ok(frame)) => watch.see(Some(frame)),
                None => watch.see(None),
                Some(Err(_)) => true,
            };
            if !passed {
                return Poll::Ready(Some(Err(Broken::TooLarge)));
            }
            if body.is_end_stream() {
                watch.see(None);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Broken::Sender)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Empty => true,
            Upload::Bytes(bytes) => bytes.is_none(),
            Upload::Client(body, _) | Upload::Watched(body, ..) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Empty => SizeHint::with_exact(0),
            Upload::Bytes(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Upload::Client(body, _) | Upload::Watched(body, ..) => body.size_hint(),
        }
    }
}
