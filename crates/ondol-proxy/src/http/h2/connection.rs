use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ondol_model::RunId;

use super::super::exchange::Exchange;
use super::frame::Code;
use super::hpack::Block;
use super::request::TRIED;
use super::streams::Streams;
use crate::Refusal;

/// What those who answer the requests of one connection share with whoever reads and writes it.
pub(super) struct Connection {
    pub at: Rc<Exchange>,
    pub streams: RefCell<Streams>,
    /// Requests that go on the long way after all, as their client wrote them.
    pub leaving: RefCell<Vec<(u32, Vec<u8>)>>,
    /// Writes what stands in `streams`.
    driver: RefCell<Waker>,
    /// Heads are written here first.
    block: Cell<Vec<u8>>,
}

impl Connection {
    pub(super) fn new(at: Rc<Exchange>) -> Self {
        let streams = Streams::new(at.shard.limits.streams_per_connection_max);
        Connection {
            at,
            streams: RefCell::new(streams),
            leaving: RefCell::default(),
            driver: RefCell::new(Waker::noop().clone()),
            block: Cell::default(),
        }
    }

    /// Somebody drives it from now on.
    pub(super) fn driven_by(&self, cx: &Context<'_>) {
        self.driver.borrow_mut().clone_from(cx.waker());
    }

    /// An empty space for a head.
    pub(super) fn block(&self) -> Vec<u8> {
        let mut block = self.block.take();
        block.clear();
        block
    }

    pub(super) fn give_back(&self, block: Vec<u8>) {
        self.block.set(block);
    }

    pub(super) fn write_head(&self, stream: u32, ends: bool, block: &mut Vec<u8>) {
        self.streams.borrow_mut().write_head(stream, ends, block);
        self.wake();
    }

    /// Bytes that may be written now; `None` when it is to be waited for that.
    pub(super) fn room_at_once(&self, stream: u32) -> Option<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.streams.borrow_mut().poll_room(stream, &mut cx) {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    /// Waits until some bytes may be written; 0 when nobody wants them any more.
    pub(super) async fn room(&self, stream: u32) -> usize {
        poll_fn(|cx| self.streams.borrow_mut().poll_room(stream, cx)).await
    }

    pub(super) fn write_data(&self, stream: u32, piece: &[u8], ends: bool) {
        self.streams.borrow_mut().write_data(stream, piece, ends);
        self.wake();
    }

    pub(super) fn end(&self, stream: u32) {
        self.streams.borrow_mut().end(stream);
        self.wake();
    }

    pub(super) fn break_off(&self, stream: u32, code: Code) {
        self.streams.borrow_mut().break_off(stream, code);
        self.wake();
    }

    /// The request goes on the long way; `tried` is who has had it already, and why it gave no answer.
    pub(super) fn leave(&self, stream: u32, mut block: Vec<u8>, tried: Option<(RunId, Refusal)>) {
        if let Some((RunId(run), refusal)) = tried {
            let tried = format!("{run} {}", refusal.word());
            Block(&mut block).field(TRIED.as_bytes(), tried.as_bytes());
        }
        self.leaving.borrow_mut().push((stream, block));
        self.wake();
    }

    fn wake(&self) {
        self.driver.borrow().wake_by_ref();
    }
}
