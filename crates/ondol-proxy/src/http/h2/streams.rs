//! The streams of one connection, its windows and what is written to it. Pure but for whom it wakes.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use super::frame::{self, Code, Head, PAYLOAD_BYTES_MAX, flag, kind};
use super::hpack::NO_TABLE;
use super::settings::{WINDOW_BYTES, WINDOW_BYTES_MAX};

/// Waits for the client to take it. Answers go on only when there is room.
const OUT_BYTES_MAX: usize = 64 << 10;
/// Requests that a client took back, or made us take back, more than were answered (CVE-2023-44487, CVE-2025-8671).
const CUTS_MAX: u32 = 200;
/// Streams that we have cut and may still hear of.
const CUT_MAX: usize = 128;

/// What becomes of a stream.
enum Stream {
    /// Its answer is passed on here.
    Short(Short),
    /// All of it is passed on to the long way, under another number.
    Long(Long),
}

struct Short {
    /// Bytes that the client takes; less than none when it has changed its mind.
    window: i64,
    waiting: Option<Waker>,
    /// Who answers it; not beyond its end.
    task: Option<JoinHandle<()>>,
}

impl Drop for Short {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Long {
    number: u32,
    asked: bool,
    answered: bool,
}

/// What a head is that a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadOf {
    Request,
    /// It comes behind a body that the long way has, by its number there.
    Trailers(u32),
    Nothing,
}

pub(super) struct Streams {
    /// To be written to the client.
    pub out: Vec<u8>,
    open: BTreeMap<u32, Stream>,
    open_max: usize,
    /// The highest that the client has opened.
    last: u32,
    /// None above it is served.
    final_one: Option<u32>,
    window: i64,
    /// What the window of a stream begins with.
    window_first: i64,
    has_written_heads: bool,
    cuts: u32,
    /// Those that we cut last: what their client sends until it hears of that is nothing.
    cut: VecDeque<u32>,
    /// Cut here, and not yet on the long way, by their numbers there.
    dropped: Vec<u32>,
}

impl Streams {
    pub(super) fn new(open_max: u32) -> Self {
        Streams {
            out: Vec::new(),
            open: BTreeMap::new(),
            open_max: open_max as usize,
            last: 0,
            final_one: None,
            window: i64::from(WINDOW_BYTES),
            window_first: i64::from(WINDOW_BYTES),
            has_written_heads: false,
            cuts: 0,
            cut: VecDeque::new(),
            dropped: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.out.len() < OUT_BYTES_MAX
    }

    /// The highest stream that has been looked at.
    pub(super) fn last(&self) -> u32 {
        self.final_one.unwrap_or(self.last)
    }

    /// Says which is the last that is served.
    pub(super) fn close(&mut self) {
        self.final_one = Some(self.last());
        frame::write_goaway(self.last(), Code::NoError, &mut self.out);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.final_one.is_some()
    }

    /// Its answer is passed on here, by `task`.
    pub(super) fn open_short(&mut self, stream: u32, task: Option<JoinHandle<()>>) {
        let short = Short {
            window: self.window_first,
            waiting: None,
            task,
        };
        self.open.insert(stream, Stream::Short(short));
    }

    /// All of it goes on the long way, under another number there; `asked`: the request is whole.
    pub(super) fn open_long(&mut self, stream: u32, number: u32, asked: bool) {
        let long = Long {
            number,
            asked,
            answered: false,
        };
        self.open.insert(stream, Stream::Long(long));
    }

    pub(super) fn has(&self, stream: u32) -> bool {
        self.open.contains_key(&stream)
    }

    /// Nobody is served any more.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// The answer to a request on the long way is whole; whether the request is too, so that nothing more comes.
    pub(super) fn answered(&mut self, stream: u32) -> bool {
        if let Some(Stream::Long(long)) = self.open.get_mut(&stream) {
            long.answered = true;
        }
        self.settle(stream)
    }

    /// Ends a stream of the long way on which nothing more comes.
    pub(super) fn settle(&mut self, stream: u32) -> bool {
        let is_over = matches!(
            self.open.get(&stream),
            Some(Stream::Long(long)) if long.asked && long.answered
        );
        if is_over {
            self.end(stream);
        }
        is_over
    }

    /// Numbers on the long way of what was cut here.
    pub(super) fn take_dropped(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.dropped)
    }

    /// The window that streams begin with.
    pub(super) fn window_first(&self) -> u32 {
        self.window_first as u32
    }

    /// Bytes that may be sent of all streams together.
    pub(super) fn window(&self) -> u32 {
        self.window.max(0) as u32
    }

    /// A head came from the client.
    pub(super) fn head(&mut self, stream: u32, ends: bool) -> Result<HeadOf, Code> {
        if stream > self.last {
            if stream.is_multiple_of(2) {
                return Err(Code::Protocol);
            }
            self.last = stream;
            if self.final_one.is_some() {
                return Ok(HeadOf::Nothing);
            }
            if self.open.len() >= self.open_max {
                self.cut(stream, Code::RefusedStream)?;
                return Ok(HeadOf::Nothing);
            }
            return Ok(HeadOf::Request);
        }
        match self.open.get_mut(&stream) {
            Some(Stream::Long(long)) if !long.asked => {
                long.asked = ends;
                Ok(HeadOf::Trailers(long.number))
            }
            _ => self.late(stream).map(|()| HeadOf::Nothing),
        }
    }

    /// A piece of a body came; the number of its stream on the long way, where it is to go there.
    pub(super) fn data(
        &mut self,
        stream: u32,
        ends: bool,
        length: u32,
    ) -> Result<Option<u32>, Code> {
        self.is_known(stream)?;
        if let Some(Stream::Long(long)) = self.open.get_mut(&stream)
            && !long.asked
        {
            long.asked = ends;
            return Ok(Some(long.number));
        }
        if length > 0 {
            // Nobody else gives back what it took of the connection's window.
            frame::write_window(0, length, &mut self.out);
        }
        self.late(stream).map(|()| None)
    }

    /// The client takes a request back.
    pub(super) fn reset(&mut self, stream: u32) -> Result<(), Code> {
        self.is_known(stream)?;
        match self.forget(stream) {
            true => self.count_cut(),
            false => Ok(()),
        }
    }

    /// The client takes more, and nothing is no more; the number on the long way of a stream that is there.
    pub(super) fn opens(&mut self, stream: u32, by: u32) -> Result<Option<u32>, Code> {
        let by = i64::from(by);
        if stream == 0 {
            self.window += by;
            self.wake();
            let fits = self.window <= i64::from(WINDOW_BYTES_MAX);
            return fits.then_some(None).ok_or(Code::FlowControl);
        }
        self.is_known(stream)?;
        match self.open.get_mut(&stream) {
            Some(_) if by == 0 => self.cut(stream, Code::Protocol)?,
            Some(Stream::Long(long)) => return Ok(Some(long.number)),
            Some(Stream::Short(short)) => {
                short.window += by;
                if let Some(waker) = short.waiting.take() {
                    waker.wake();
                }
                if short.window > i64::from(WINDOW_BYTES_MAX) {
                    self.cut(stream, Code::FlowControl)?;
                }
            }
            None => {}
        }
        Ok(None)
    }

    /// The windows of all streams begin with so many bytes from now on, and those that are open change by as many.
    pub(super) fn begin_with(&mut self, window: u32) -> Result<(), Code> {
        let by = i64::from(window) - self.window_first;
        self.window_first = i64::from(window);
        for stream in self.open.values_mut() {
            if let Stream::Short(short) = stream {
                short.window += by;
                if short.window > i64::from(WINDOW_BYTES_MAX) {
                    return Err(Code::FlowControl);
                }
            }
        }
        self.wake();
        Ok(())
    }

    /// We end a stream because of what its client did.
    pub(super) fn cut(&mut self, stream: u32, code: Code) -> Result<(), Code> {
        self.break_off(stream, code);
        self.count_cut()
    }

    /// We end a stream in the middle.
    pub(super) fn break_off(&mut self, stream: u32, code: Code) {
        self.forget(stream);
        self.note_cut(stream);
        frame::write_reset(stream, code, &mut self.out);
    }

    fn forget(&mut self, stream: u32) -> bool {
        let open = self.open.remove(&stream);
        if let Some(Stream::Long(long)) = &open {
            self.dropped.push(long.number);
        }
        open.is_some()
    }

    /// The stream was cut, and its client may not know yet.
    pub(super) fn note_cut(&mut self, stream: u32) {
        if self.cut.len() >= CUT_MAX {
            self.cut.pop_front();
        }
        self.cut.push_back(stream);
    }

    /// All of its answer is written.
    pub(super) fn end(&mut self, stream: u32) {
        if self.open.remove(&stream).is_some() {
            self.cuts = self.cuts.saturating_sub(1);
        }
    }

    /// Writes the head of an answer, and takes it from `block`.
    pub(super) fn write_head(&mut self, stream: u32, ends: bool, block: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_written_heads, true) {
            block.insert(0, NO_TABLE);
        }
        frame::write_block(stream, ends, block, &mut self.out);
    }

    /// How much of a piece may be written: none when the stream is gone.
    pub(super) fn poll_room(&mut self, stream: u32, cx: &mut Context<'_>) -> Poll<usize> {
        let room = OUT_BYTES_MAX
            .saturating_sub(self.out.len())
            .min(PAYLOAD_BYTES_MAX);
        let Some(Stream::Short(short)) = self.open.get_mut(&stream) else {
            return Poll::Ready(0);
        };
        match self.window.min(short.window).min(room as i64) {
            1.. => Poll::Ready(room.min(self.window.min(short.window) as usize)),
            _ => {
                short.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Writes a piece for which there is room.
    pub(super) fn write_data(&mut self, stream: u32, piece: &[u8], ends: bool) {
        if let Some(Stream::Short(short)) = self.open.get_mut(&stream) {
            short.window -= piece.len() as i64;
        }
        self.take(piece.len());
        let flags = if ends { flag::END_STREAM } else { 0 };
        frame::write(kind::DATA, flags, stream, piece, &mut self.out);
    }

    /// Writes a piece of the long way, which counts the windows of its streams itself.
    pub(super) fn write_frame(&mut self, head: &Head, piece: &[u8]) {
        if head.kind == kind::DATA {
            self.take(piece.len());
        }
        head.write(&mut self.out);
        self.out.extend_from_slice(piece);
    }

    /// There is room again.
    pub(super) fn wake(&mut self) {
        for stream in self.open.values_mut() {
            if let Stream::Short(Short { waiting, .. }) = stream
                && let Some(waker) = waiting.take()
            {
                waker.wake();
            }
        }
    }

    fn take(&mut self, bytes: usize) {
        self.window -= bytes as i64;
    }

    fn is_known(&self, stream: u32) -> Result<(), Code> {
        match stream <= self.last && !stream.is_multiple_of(2) {
            true => Ok(()),
            false => Err(Code::Protocol),
        }
    }

    /// Something came behind the end of a request (RFC 9113, section 5.1).
    fn late(&mut self, stream: u32) -> Result<(), Code> {
        match self.open.contains_key(&stream) {
            true => self.cut(stream, Code::StreamClosed),
            false if self.cut.contains(&stream) => Ok(()),
            false if self.final_one.is_some_and(|last| stream > last) => Ok(()),
            false => Err(Code::StreamClosed),
        }
    }

    fn count_cut(&mut self) -> Result<(), Code> {
        self.cuts += 1;
        match self.cuts > CUTS_MAX {
            true => Err(Code::EnhanceYourCalm),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
