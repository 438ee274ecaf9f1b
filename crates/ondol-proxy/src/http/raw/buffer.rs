use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

const BYTES: usize = 16 << 10;
/// Kept for the next who needs one, per worker.
const KEPT_MAX: usize = 64;

/// Spaces of a worker that nobody uses. The one that was used last is used next: it is still in the core's cache.
#[derive(Default)]
pub(crate) struct Buffers {
    spaces: RefCell<Vec<Box<[u8]>>>,
    heads: RefCell<Vec<Vec<u8>>>,
    text: Cell<String>,
}

/// Bytes that were read and not used yet. It has a space only as long as there are some: who waits holds none, and
/// those that wait are many.
pub(crate) struct Buffer<'a> {
    buffers: &'a Buffers,
    space: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffers {
    /// One that is empty.
    pub(super) fn buffer(&self) -> Buffer<'_> {
        Buffer {
            buffers: self,
            space: Box::default(),
            start: 0,
            end: 0,
        }
    }

    /// For a head that is written; it is empty.
    pub(super) fn head(&self) -> Vec<u8> {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives that back.
    pub(super) fn give_back_head(&self, mut head: Vec<u8>) {
        let mut kept = self.heads.borrow_mut();
        if kept.len() < KEPT_MAX && head.capacity() <= BYTES {
            head.clear();
            kept.push(head);
        }
    }

    /// A text that is empty, as long as it takes.
    pub(super) fn with_text<T>(&self, write: impl FnOnce(&mut String) -> T) -> T {
        let mut text = self.text.take();
        let written = write(&mut text);
        text.clear();
        self.text.set(text);
        written
    }

    /// Cleared once, and then used again and again.
    fn take(&self) -> Box<[u8]> {
        let kept = self.spaces.borrow_mut().pop();
        kept.unwrap_or_else(|| vec![0; BYTES].into())
    }

    fn put(&self, space: Box<[u8]>) {
        let mut kept = self.spaces.borrow_mut();
        // One that grew for a large head goes.
        if kept.len() < KEPT_MAX && space.len() == BYTES {
            kept.push(space);
        }
    }
}

impl Buffer<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.space[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Reads more behind what is there; 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.space.is_empty() {
            self.space = self.buffers.take();
        }
        self.make_room();
        let mut space = ReadBuf::new(&mut self.space[self.end..]);
        let read = Pin::new(stream).poll_read(cx, &mut space);
        let length = space.filled().len();
        self.end += length;
        if self.is_empty() {
            self.give_back();
        }
        read.map_ok(|()| length)
    }

    fn give_back(&mut self) {
        if !self.space.is_empty() {
            self.buffers.put(std::mem::take(&mut self.space));
        }
    }

    fn make_room(&mut self) {
        if self.end < self.space.len() {
            return;
        }
        match self.start {
            0 => {
                let mut space = std::mem::take(&mut self.space).into_vec();
                space.resize(space.len() * 2, 0);
                self.space = space.into();
            }
            _ => {
                self.space.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
        }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[test]
    fn what_is_read_is_found_again_however_much_it_is() {
        let buffers = Buffers::default();
        let mut buffer = buffers.buffer();
        let text: Vec<u8> = (0..BYTES * 3).map(|number| number as u8).collect();
        let mut stream = &text[..];
        let mut cx = Context::from_waker(Waker::noop());
        let mut fill = |buffer: &mut Buffer<'_>| buffer.poll_fill(&mut stream, &mut cx);
        assert!(matches!(fill(&mut buffer), Poll::Ready(Ok(BYTES))));
        buffer.consume(10);
        assert!(matches!(fill(&mut buffer), Poll::Ready(Ok(10))));
        assert!(matches!(fill(&mut buffer), Poll::Ready(Ok(BYTES))));
        assert_eq!(buffer.bytes(), &text[10..BYTES * 2 + 10]);
        drop(buffer);
        assert!(buffers.spaces.borrow().is_empty(), "it grew");
    }

    #[tokio::test]
    async fn who_waits_holds_no_space() {
        let buffers = Buffers::default();
        let mut buffer = buffers.buffer();
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(buffer.poll_fill(&mut ours, &mut cx).is_pending());
        assert_eq!(buffers.spaces.borrow().len(), 1);
        theirs.write_all(b"said").await.unwrap();
        assert!(matches!(
            buffer.poll_fill(&mut ours, &mut cx),
            Poll::Ready(Ok(4))
        ));
        assert!(buffer.poll_fill(&mut ours, &mut cx).is_pending());
        assert_eq!(
            (buffers.spaces.borrow().len(), buffer.bytes()),
            (0, &b"said"[..])
        );
        buffer.consume(4);
        assert!(buffer.poll_fill(&mut ours, &mut cx).is_pending());
        assert_eq!(buffers.spaces.borrow().len(), 1);
    }
}
