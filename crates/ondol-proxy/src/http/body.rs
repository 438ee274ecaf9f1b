use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::call::Lease;
use crate::Refusal;
use crate::stream::Activity;
use crate::upstream::{InFlight, Upstream, add};

/// What goes to an endpoint.
pub(crate) enum Upload {
    Empty,
    /// The client's body, as it comes, and the endpoint for which it is counted.
    Client(Incoming, Option<Rc<Upstream>>),
}

impl Upload {
    /// Counts the bytes for `endpoint` from now on.
    pub(super) fn count_for(&mut self, endpoint: &InFlight) {
        if let Upload::Client(_, counted) = self {
            *counted = Some(endpoint.upstream());
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Upload::Empty => Poll::Ready(None),
            Upload::Client(body, counted) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let (Some(Ok(frame)), Some(endpoint)) = (&frame, counted) {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    add(&endpoint.counters.bytes_in, length as u64);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Empty => true,
            Upload::Client(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Empty => SizeHint::with_exact(0),
            Upload::Client(body, _) => body.size_hint(),
        }
    }
}

/// What goes to a client.
pub(super) struct Download {
    from: From,
    _busy: Option<Busy>,
}

enum From {
    /// A sentence of our own.
    Text(Option<Bytes>),
    /// An endpoint's answer. The lease is given back at its end.
    Endpoint(Incoming, Option<Lease>),
}

/// Notes that a client's request is served, until it is dropped.
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.begin();
        Busy(activity.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Download {
    pub(super) fn text(text: Bytes, busy: Busy) -> Self {
        let text = Some(text).filter(|text| !text.is_empty());
        Download {
            from: From::Text(text),
            _busy: Some(busy),
        }
    }

    /// The empty body of a 101: what follows belongs to the tunnel.
    pub(super) fn nothing() -> Self {
        Download {
            from: From::Text(None),
            _busy: None,
        }
    }

    pub(super) fn endpoint(body: Incoming, lease: Lease, busy: Busy) -> Self {
        let lease = match body.is_end_stream() {
            true => {
                lease.give_back();
                None
            }
            false => Some(lease),
        };
        Download {
            from: From::Endpoint(body, lease),
            _busy: Some(busy),
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (body, lease) = match &mut self.get_mut().from {
            From::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            From::Endpoint(body, lease) => (body, lease),
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
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
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::Text(text) => text.is_none(),
            From::Endpoint(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            From::Text(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            From::Endpoint(body, _) => body.size_hint(),
        }
    }
}
