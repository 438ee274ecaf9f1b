use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use ondol_model::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
}

impl Activity {
    pub(crate) fn new(coarse: Arc<AtomicU64>) -> Arc<Self> {
        let since = AtomicU64::new(coarse.load(Ordering::Relaxed));
        Arc::new(Activity {
            doing: AtomicU8::new(0),
            since,
            coarse,
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

    fn touch(&self) {
        self.since
            .store(self.coarse.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn read_some(&self) {
        if self.doing.load(Ordering::Relaxed) == 0 {
            self.set(Doing::Head);
        }
    }
}

/// A client's stream: gives back the first bytes that were read to look at them, and notes its activity.
pub(crate) struct ClientStream {
    inner: TcpStream,
    first: Bytes,
    activity: Arc<Activity>,
}

impl ClientStream {
    pub(crate) fn new(inner: TcpStream, first: Bytes, activity: Arc<Activity>) -> Self {
        ClientStream {
            inner,
            first,
            activity,
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.first.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        } else {
            let length = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..length]);
            self.first.advance(length);
            if self.first.is_empty() {
                self.first = Bytes::new();
            }
        }
        if buffer.filled().len() > before {
            self.activity.read_some();
        }
        Poll::Ready(Ok(()))
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
