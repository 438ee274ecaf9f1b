use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

const BYTES: usize = 16 << 10;
/// Kept for the next who needs one, per worker.
const KEPT_MAX: usize = 64;

/// Bytes that were read and not used yet, in a space that is cleared once and used again and again.
pub(crate) struct Buffer {
    space: Vec<u8>,
    start: usize,
    end: usize,
}

/// Buffers of a worker that nobody uses: a connection on which nothing happens has none.
#[derive(Default)]
pub(crate) struct Buffers(RefCell<Vec<Buffer>>);

impl Buffers {
    pub(super) fn take(&self) -> Buffer {
        let kept = self.0.borrow_mut().pop();
        kept.unwrap_or_else(|| Buffer {
            space: vec![0; BYTES],
            start: 0,
            end: 0,
        })
    }

    pub(super) fn put(&self, mut buffer: Buffer) {
        let mut kept = self.0.borrow_mut();
        // One that grew for a large head goes.
        if kept.len() < KEPT_MAX && buffer.space.len() == BYTES {
            buffer.clear();
            kept.push(buffer);
        }
    }
}

impl Buffer {
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
        self.make_room();
        let mut space = ReadBuf::new(&mut self.space[self.end..]);
        ready!(Pin::new(stream).poll_read(cx, &mut space))?;
        let length = space.filled().len();
        self.end += length;
        Poll::Ready(Ok(length))
    }

    fn make_room(&mut self) {
        if self.end < self.space.len() {
            return;
        }
        match self.start {
            0 => self.space.resize(self.space.len() * 2, 0),
            _ => {
                self.space.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn what_is_read_is_found_again_however_much_it_is() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        let text: Vec<u8> = (0..BYTES * 3).map(|number| number as u8).collect();
        let mut stream = &text[..];
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(
            buffer.poll_fill(&mut stream, &mut cx),
            Poll::Ready(Ok(BYTES))
        ));
        buffer.consume(10);
        assert!(matches!(
            buffer.poll_fill(&mut stream, &mut cx),
            Poll::Ready(Ok(10))
        ));
        assert!(matches!(
            buffer.poll_fill(&mut stream, &mut cx),
            Poll::Ready(Ok(BYTES))
        ));
        assert_eq!(buffer.bytes(), &text[10..BYTES * 2 + 10]);
        buffers.put(buffer);
        assert!(buffers.0.borrow().is_empty(), "it grew");
        buffers.put(buffers.take());
        assert_eq!(buffers.0.borrow().len(), 1);
    }
}
