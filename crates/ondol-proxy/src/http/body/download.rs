use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use ondol_model::Reason;
use tokio::time::{Instant, Sleep, sleep_until};

use super::super::encode::Encoder;
use super::super::lease::Lease;
use crate::Refusal;
use crate::policy::grpc;
use crate::signals::Trail;
use crate::stream::{Activity, StreamId};
use crate::upstream::add;

/// What goes to a client.
pub(crate) struct Download {
    from: From,
    /// Read already; it comes first.
    read: Bytes,
    encoder: Option<Box<Encoder>>,
    busy: Option<Busy>,
}

enum From {
    /// A sentence of our own.
    Text(Option<Bytes>),
    /// An endpoint's answer. The lease is given back at its end.
    Endpoint(Incoming, Option<Box<Lease>>, Option<Box<Timer>>),
}

/// Ends an answer that takes too long.
pub(crate) struct Timer {
    /// Between two pieces.
    idle: Option<Duration>,
    /// For all of it.
    deadline: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

/// An answer broke off in the middle.
#[derive(Debug)]
pub(crate) struct BrokenOff(Refusal);

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for BrokenOff {}

impl Timer {
    /// `None` when nothing is limited.
    pub(crate) fn new(deadline: Option<Instant>, idle: Option<Duration>) -> Option<Self> {
        let first = idle.map(|idle| Instant::now() + idle);
        let end = [first, deadline].into_iter().flatten().min()?;
        Some(Timer {
            idle,
            deadline,
            sleep: Box::pin(sleep_until(end)),
        })
    }

    /// A piece came.
    fn restart(&mut self) {
        if let Some(idle) = self.idle {
            let end = Instant::now() + idle;
            let end = self.deadline.map_or(end, |deadline| deadline.min(end));
            self.sleep.as_mut().reset(end);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Refusal> {
        ready!(self.sleep.as_mut().poll(cx));
        let over = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        Poll::Ready(match over {
            true => Refusal::RequestTimeout,
            false => Refusal::IdleTimeout,
        })
    }
}

/// A client's request is served, until this is dropped. Notes whether the client keeps its answer waiting.
pub(crate) struct Busy {
    activity: Arc<Activity>,
    /// `None` where answers follow each other.
    stream: Option<StreamId>,
    trail: Option<Rc<Trail>>,
}

impl Busy {
    /// One request after another, or, with `HTTP/2`, one of several at once.
    pub(crate) fn new(
        activity: &Arc<Activity>,
        version: Version,
        trail: Option<Rc<Trail>>,
    ) -> Self {
        let several = version > Version::HTTP_11;
        activity.begin();
        Busy {
            stream: several.then(|| activity.stream()),
            activity: activity.clone(),
            trail,
        }
    }

    /// What is noted of the request.
    pub(crate) fn trail(&self) -> Option<Rc<Trail>> {
        self.trail.clone()
    }

    pub(crate) fn trail_ref(&self) -> Option<&Trail> {
        self.trail.as_deref()
    }

    /// Somebody else goes on with the request, and notes it anew.
    pub(crate) fn hand_over(mut self) {
        self.trail = None;
    }

    /// Why its answer is not the service's own.
    pub(crate) fn because(&self, reason: impl Into<Reason>) {
        if let Some(trail) = &self.trail {
            trail.because(reason);
        }
    }

    /// The client has what it is to take before anything else goes on, or has taken it.
    pub(crate) fn waits_for(&self, client: bool) {
        match client {
            true => self.activity.give(self.stream),
            false => self.activity.taken(self.stream),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.waits_for(false);
        self.activity.end();
        if let Some(trail) = &self.trail {
            trail.finish();
        }
    }
}

impl Download {
    pub(crate) fn text(text: Bytes, busy: Busy) -> Self {
        let text = Some(text).filter(|text| !text.is_empty());
        Download::of(From::Text(text)).with(busy)
    }

    /// The empty body of a 101: what follows belongs to the tunnel.
    pub(crate) fn nothing() -> Self {
        Download::of(From::Text(None))
    }

    /// Nobody waits for it until it is [`Download::with`] a client.
    pub(crate) fn endpoint(body: Incoming, mut lease: Box<Lease>) -> Self {
        let timer = lease.timer.take();
        let lease = match body.is_end_stream() {
            true => {
                lease.give_back();
                None
            }
            false => Some(lease),
        };
        Download::of(From::Endpoint(body, lease, timer))
    }

    /// The same for a client that waits for it.
    pub(crate) fn with(self, busy: Busy) -> Self {
        // The first piece is asked for when the client takes something.
        busy.waits_for(true);
        let busy = Some(busy);
        Download { busy, ..self }
    }

    /// The head of the answer is complete.
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some(trail) = self.trail() {
            trail.answered(status);
            if self.is_done() {
                trail.done();
            }
        }
    }

    /// The same, behind what was read of it before.
    pub(crate) fn after(self, read: Bytes) -> Self {
        Download { read, ..self }
    }

    /// The same in a content coding.
    pub(crate) fn encoded(self, encoder: Encoder) -> Self {
        let encoder = Some(Box::new(encoder));
        Download { encoder, ..self }
    }

    fn of(from: From) -> Self {
        Download {
            from,
            read: Bytes::new(),
            encoder: None,
            busy: None,
        }
    }

    fn trail(&self) -> Option<&Trail> {
        self.busy.as_ref()?.trail.as_deref()
    }

    /// Nothing more comes.
    fn is_done(&self) -> bool {
        let ended = match &self.from {
            From::Text(text) => text.is_none(),
            From::Endpoint(_, lease, _) => lease.is_none(),
        };
        ended && self.read.is_empty() && self.encoder.is_none()
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let body = self.get_mut();
        let polled = match body.encoder {
            None => body.poll_plain(cx),
            Some(_) => body.poll_encoded(cx),
        };
        if let Some(busy) = &body.busy {
            busy.waits_for(polled.is_ready());
        }
        if let (Some(trail), Poll::Ready(frame)) = (body.trail(), &polled) {
            match frame {
                Some(Ok(frame)) => trail.gave(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(BrokenOff(refusal))) => trail.broke(*refusal),
                None => {}
            }
            if body.is_done() {
                trail.done();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let ended = match &self.from {
            From::Text(text) => text.is_none(),
            From::Endpoint(body, ..) => body.is_end_stream(),
        };
        ended && self.read.is_empty() && self.encoder.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.encoder.is_some() {
            return SizeHint::default();
        }
        match &self.from {
            From::Text(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            From::Endpoint(body, ..) => longer_by(body.size_hint(), self.read.len() as u64),
        }
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, BrokenOff>>>;

impl Download {
    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Polled {
        if !self.read.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.read)))));
        }
        let (body, lease, timer) = match &mut self.from {
            From::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            From::Endpoint(body, lease, timer) => (body, lease, timer),
        };
        let frame = match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let Some(timer) = timer else {
                    return Poll::Pending;
                };
                let refusal = ready!(timer.poll(cx));
                if let Some(lease) = lease.take() {
                    lease.broke(refusal);
                }
                return Poll::Ready(Some(Err(BrokenOff(refusal))));
            }
        };
        if let Some(timer) = timer {
            timer.restart();
        }
        match &frame {
            Some(Ok(frame)) => {
                let trailers = frame.trailers_ref();
                if let Some(status) = trailers.and_then(grpc::status) {
                    if let Some(trail) = self.busy.as_ref().and_then(Busy::trail_ref) {
                        trail.came_to(status);
                    }
                    if let Some(lease) = lease {
                        lease.came_to(status);
                    }
                }
                if let (Some(bytes), Some(lease)) = (frame.data_ref(), &*lease) {
                    add(&lease.in_flight.counters.bytes_out, bytes.len() as u64);
                }
            }
            // Nothing can be said any more: the client sees its connection break, as ours did.
            Some(Err(_)) => {
                if let Some(lease) = lease.take() {
                    lease.broke(Refusal::UpstreamBroke);
                }
            }
            None => {}
        }
        if (frame.is_none() || body.is_end_stream())
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| BrokenOff(Refusal::UpstreamBroke))))
    }

    /// Pieces come out as the coding makes them; nothing is held back while no more comes in.
    fn poll_encoded(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            let polled = self.poll_plain(cx);
            let Some(encoder) = &mut self.encoder else {
                return polled;
            };
            let coded = match polled {
                Poll::Pending => match encoder.flush() {
                    Ok(coded) if coded.is_empty() => return Poll::Pending,
                    coded => coded,
                },
                Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                    Some(data) => encoder.feed(data),
                    // Trailers belong to the body as it was.
                    None => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => match self.encoder.take() {
                    Some(encoder) => encoder.finish(),
                    None => return Poll::Ready(None),
                },
            };
            match coded {
                Ok(coded) if coded.is_empty() && self.encoder.is_some() => {}
                Ok(coded) => return Poll::Ready(Some(Ok(Frame::data(coded)))),
                Err(_) => return Poll::Ready(Some(Err(BrokenOff(Refusal::UpstreamBroke)))),
            }
        }
    }
}

fn longer_by(mut hint: SizeHint, bytes: u64) -> SizeHint {
    if let Some(upper) = hint.upper() {
        hint.set_upper(upper + bytes);
    }
    hint.set_lower(hint.lower() + bytes);
    hint
}
