//! A client's connection, as the parser of its requests reads and writes it.

mod activity;
mod inbound;
mod wire;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::guard::Guard;
pub(crate) use activity::{Activity, Doing, StreamId};
pub(crate) use inbound::REFUSED_METHOD;
use inbound::{End, Inbound};
pub(crate) use wire::{Spoken, Wire};

/// What is still read of a client whose request was refused, so that it sees the answer instead of a reset.
const DISCARD_BYTES_MAX: u32 = 1 << 20;

/// A client's stream: gives back the first bytes that were read to look at them, notes its activity, and hands on only
/// requests that mean one thing.
pub(crate) struct ClientStream {
    inner: Wire,
    inbound: Inbound,
    activity: Arc<Activity>,
    discarded: u32,
}

impl ClientStream {
    /// With a guard, the requests of HTTP/1 are looked at before the parser has them.
    pub(crate) fn new(
        inner: Wire,
        first: Bytes,
        guard: Option<Guard>,
        activity: Arc<Activity>,
    ) -> Self {
        let inbound = Inbound::new(guard, first);
        let stream = ClientStream {
            inner,
            inbound,
            activity,
            discarded: 0,
        };
        stream.note_fault();
        stream
    }

    /// Gives back bytes that were read and not used: they are read again next.
    pub(crate) fn unread(&mut self, bytes: &[u8]) {
        self.inbound.unread(bytes);
    }

    fn note_fault(&self) {
        if let Some(End::Refused(fault) | End::Broken(fault)) = self.inbound.end {
            self.activity.set_fault(fault);
        }
        if self.inbound.has_underscores() {
            self.activity.note_underscore();
        }
    }

    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 4096];
        while self.discarded < DISCARD_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            self.discarded += buffer.filled().len() as u32;
        }
        // The answer that is under way ends the connection; an end of what is read would break it off.
        Poll::Pending
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            let ready = this.inbound.ready();
            if !ready.is_empty() {
                let length = ready.len().min(buffer.remaining());
                buffer.put_slice(&ready[..length]);
                this.inbound.advance(length);
                if this.inbound.is_guarded() {
                    this.activity.read_some();
                }
                return Poll::Ready(Ok(()));
            }
            match this.inbound.end {
                Some(End::Refused(_)) => return this.discard(cx),
                Some(End::Broken(fault)) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, fault.sentence());
                    return Poll::Ready(Err(error));
                }
                None => {}
            }
            let read = Pin::new(&mut this.inner).poll_read(cx, buffer);
            let waits = read.is_pending() && this.inbound.is_in_body();
            this.activity.wait_for_body(waits);
            ready!(read)?;
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            if this.activity.is_switched() {
                this.inbound.let_pass();
            }
            if !this.inbound.is_guarded() {
                this.activity.touch();
                return Poll::Ready(Ok(()));
            }
            this.activity.read_some();
            let length = this.inbound.admit(&buffer.filled()[before..]);
            buffer.set_filled(before + length);
            this.note_fault();
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.activity.touch();
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity.touch();
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
