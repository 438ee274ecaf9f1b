//! Reads a client's frames and writes ours.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use http::Version;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::raw::response::Form;
use super::super::raw::{Lane, is_border};
use super::answer::{Heads, answer};
use super::connection::Connection;
use super::frame::{self, Code, PREFACE, flag, kind};
use super::hpack::Block;
use super::long_way::{LongWay, Rest};
use super::reader::{Frame, Reader};
use super::request::{is_grpc, plain, write_again};
use super::settings::{self, WINDOW_BYTES_MAX};
use super::streams::HeadOf;
use crate::Refusal;
use crate::stream::ClientStream;

/// Received of one request and not yet taken by its endpoint.
pub(in crate::http) const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// Read at once.
const READ_BYTES: usize = 16 << 10;
/// Read at once of what nobody wants any more.
const DISCARD_BYTES: usize = 4 << 10;
/// Most heads fit, of the service and as they came.
const HEADS_BYTES: usize = 768;
/// Asks whether the client is there.
const ALIVE: [u8; 8] = *b"alive ? ";
/// Asks whether it has heard that the connection ends.
const HEARD: [u8; 8] = *b"goodbye?";

/// Why a connection ends.
pub(super) enum End {
    /// Nothing is left to do.
    Done,
    /// The client is gone.
    Left,
    /// It did something that we do not go on after.
    Fault(Code),
    /// The same, found and counted on the long way.
    Found(Code),
}

pub(super) struct Driver<'a> {
    connection: &'a Rc<Connection>,
    lane: Lane<'a>,
    stream: ClientStream,
    reader: Reader,
    said: BytesMut,
    has_preface: bool,
    /// Bytes of what is to be written that are.
    written: usize,
    long: Option<LongWay>,
    cookies: Vec<u8>,
    /// It said something since it was asked whether it is there.
    is_alive: bool,
    is_closing: bool,
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        // Whoever answers a request holds what they share.
        self.connection.streams.borrow_mut().clear();
    }
}

impl<'a> Driver<'a> {
    pub(super) fn new(connection: &'a Rc<Connection>, stream: ClientStream) -> Self {
        let limits = &connection.at.shard.limits;
        let list_bytes = limits.head_bytes_max;
        let streams = limits.streams_per_connection_max;
        let out = &mut connection.streams.borrow_mut().out;
        settings::write_ours(streams, STREAM_WINDOW_BYTES, list_bytes as u32, out);
        Driver {
            connection,
            lane: Lane::new(&connection.at),
            stream,
            reader: Reader::new(list_bytes),
            said: BytesMut::new(),
            has_preface: false,
            written: 0,
            long: None,
            cookies: Vec::new(),
            is_alive: true,
            is_closing: false,
        }
    }

    /// Ends the connection so that what was said last arrives.
    pub(super) async fn end(&mut self) {
        let wrote = poll_fn(|cx| match self.poll_write(cx) {
            Ok(true) => Poll::Ready(true),
            Ok(false) => Poll::Pending,
            Err(_) => Poll::Ready(false),
        });
        if wrote.await && self.stream.shutdown().await.is_ok() {
            // What the client is still saying is read: a connection with something unread is reset, and the client
            // may lose what it has not read itself.
            let mut space = [0; DISCARD_BYTES];
            while matches!(self.stream.read(&mut space).await, Ok(1..)) {}
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Reads, answers and writes as far as it goes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.connection.driven_by(cx);
        loop {
            if let Poll::Ready(end) = self.poll_read(cx) {
                return Poll::Ready(end);
            }
            let mut is_full = !self.has_room();
            self.take_leaving();
            if let Err(end) = self.poll_long(cx) {
                return Poll::Ready(end);
            }
            is_full |= !self.has_room();
            if let Err(end) = self.poll_write(cx) {
                return Poll::Ready(end);
            }
            // What was not read for want of room wakes nobody.
            if !(is_full && self.has_room()) {
                break;
            }
        }
        let streams = self.connection.streams.borrow();
        match streams.is_closed() && streams.is_empty() && streams.out.is_empty() {
            true => Poll::Ready(End::Done),
            false => Poll::Pending,
        }
    }

    /// The client is told that the connection ends, and that before anything is refused (RFC 9113, section 6.8).
    pub(super) fn begin_to_close(&mut self) {
        self.is_closing = true;
        let out = &mut self.connection.streams.borrow_mut().out;
        frame::write_goaway(WINDOW_BYTES_MAX, Code::NoError, out);
        frame::write(kind::PING, 0, 0, &HEARD, out);
    }

    /// It has heard, or has had the time to: what it asks from now on is not looked at.
    pub(super) fn close(&mut self) {
        let mut streams = self.connection.streams.borrow_mut();
        if !streams.is_closed() {
            streams.close();
        }
    }

    /// Asks whether the client is there; `false` when it has not answered the last time.
    pub(super) fn ask_whether_alive(&mut self) -> bool {
        let was_alive = std::mem::replace(&mut self.is_alive, false);
        if was_alive {
            let out = &mut self.connection.streams.borrow_mut().out;
            frame::write(kind::PING, 0, 0, &ALIVE, out);
        }
        was_alive
    }

    /// Says why the connection ends; it is written by [`Driver::end`].
    pub(super) fn say(&mut self, code: Code) {
        let mut streams = self.connection.streams.borrow_mut();
        streams.clear();
        let last = streams.last();
        frame::write_goaway(last, code, &mut streams.out);
    }

    fn has_room(&self) -> bool {
        let is_short = self.connection.streams.borrow().has_room();
        is_short && self.long.as_ref().is_none_or(LongWay::has_room)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if let Err(code) = self.hear() {
                return Poll::Ready(End::Fault(code));
            }
            if !self.has_room() {
                return Poll::Pending;
            }
            self.said.reserve(READ_BYTES);
            match pin!(self.stream.read_buf(&mut self.said)).poll(cx) {
                Poll::Ready(Ok(1..)) => self.is_alive = true,
                Poll::Ready(_) => return Poll::Ready(End::Left),
                Poll::Pending => break,
            }
        }
        if self.said.is_empty() && self.connection.streams.borrow().is_empty() {
            // Connections on which nothing happens are many.
            self.said = BytesMut::new();
        }
        Poll::Pending
    }

    /// Acts on the frames that are whole, as long as there is room for what comes of it.
    fn hear(&mut self) -> Result<(), Code> {
        let mut said = std::mem::take(&mut self.said);
        if !self.has_preface {
            let length = said.len().min(PREFACE.len());
            if said[..length] != PREFACE[..length] {
                return Err(Code::Protocol);
            }
            if length < PREFACE.len() {
                self.said = said;
                return Ok(());
            }
            said.advance(length);
            self.has_preface = true;
        }
        let mut seen = 0;
        while self.has_room()
            && let Some((length, frame)) = self.reader.read(&said[seen..])?
        {
            seen += length;
            self.act(&frame)?;
        }
        said.advance(seen);
        self.said = said;
        Ok(())
    }

    fn act(&mut self, frame: &Frame<'_>) -> Result<(), Code> {
        let mut streams = self.connection.streams.borrow_mut();
        match *frame {
            Frame::Head { stream, ends } => {
                let what = streams.head(stream, ends)?;
                drop(streams);
                match what {
                    HeadOf::Request => self.request(stream, ends),
                    HeadOf::Trailers(number) => self.trailers(number, ends),
                    HeadOf::Nothing => {}
                }
            }
            Frame::Data {
                stream,
                ends,
                length,
                whole,
            } => {
                let number = streams.data(stream, ends, length)?;
                if let (Some(number), Some(long)) = (number, &mut self.long) {
                    long.data(number, ends, whole, &mut streams);
                }
            }
            Frame::Reset { stream } => streams.reset(stream)?,
            Frame::Window { stream, by } => {
                if let (Some(number), Some(long)) = (streams.opens(stream, by)?, &mut self.long) {
                    long.opens(number, by);
                }
            }
            Frame::Settings(wanted) => {
                frame::write(kind::SETTINGS, flag::ACK, 0, &[], &mut streams.out);
                if let Some(window) = wanted.window {
                    streams.begin_with(window)?;
                    if let Some(long) = &mut self.long {
                        long.begin_with(window);
                    }
                }
            }
            Frame::Ping(bytes) => frame::write(kind::PING, flag::ACK, 0, &bytes, &mut streams.out),
            Frame::PingAck(HEARD) if self.is_closing && !streams.is_closed() => streams.close(),
            Frame::SettingsAck | Frame::PingAck(_) | Frame::Goaway | Frame::Nothing => {}
        }
        Ok(())
    }

    fn request(&mut self, stream: u32, ends: bool) {
        if self.reader.fields.too_large {
            return self.refuse_head(stream);
        }
        if !(ends && self.pass_on(stream)) {
            let mut block = self.connection.block();
            write_again(&self.reader.fields, &mut block);
            let rest = match ends {
                true => Rest::None,
                false if is_grpc(&self.reader.fields) => Rest::Messages,
                false => Rest::Body,
            };
            self.go_long(stream, rest, &block);
            self.connection.give_back(block);
        }
    }

    /// Begins to answer a request that is only passed on; `false` when it is not.
    fn pass_on(&mut self, stream: u32) -> bool {
        let serving = &self.connection.at.client.serving;
        // What is answered or marked at the door is not here.
        if serving.at_the_door.get() {
            return false;
        }
        let target = serving.target();
        let mut bytes = Vec::with_capacity(HEADS_BYTES);
        let fields = &self.reader.fields;
        let read = plain(fields, &mut self.cookies, is_border(&target), &mut bytes);
        let ready =
            read.and_then(|plain| self.lane.ready(plain, &target, Version::HTTP_2, &mut bytes));
        let Some(ready) = ready else { return false };
        let middle = bytes.len();
        write_again(fields, &mut bytes);
        let heads = Heads { bytes, middle };
        let answering = answer(self.connection.clone(), stream, ready, heads);
        let task = tokio::task::spawn_local(answering);
        self.connection
            .streams
            .borrow_mut()
            .open_short(stream, Some(task));
        true
    }

    fn trailers(&mut self, number: u32, ends: bool) {
        let mut block = self.connection.block();
        write_again(&self.reader.fields, &mut block);
        if let Some(long) = &mut self.long {
            let mut streams = self.connection.streams.borrow_mut();
            long.trailers(number, ends, &block, &mut streams);
        }
        self.connection.give_back(block);
    }

    fn refuse_head(&mut self, stream: u32) {
        let at = &self.connection.at;
        at.client.serving.count_refusal(Refusal::HeadTooLarge);
        let mut block = self.connection.block();
        Block(&mut block).status(431, "");
        let mut streams = self.connection.streams.borrow_mut();
        streams.write_head(stream, true, &mut block);
        streams.note_cut(stream);
        drop(streams);
        self.connection.give_back(block);
    }

    fn go_long(&mut self, stream: u32, rest: Rest, block: &[u8]) {
        let mut streams = self.connection.streams.borrow_mut();
        let window = streams.window_first();
        let at = &self.connection.at;
        let long = self.long.get_or_insert_with(|| LongWay::begin(at, window));
        long.open(stream, rest, block, &mut streams);
    }

    /// Requests that could not be passed on after all.
    fn take_leaving(&mut self) {
        let leaving = std::mem::take(&mut *self.connection.leaving.borrow_mut());
        for (stream, block) in leaving {
            // Its client may have taken it back meanwhile.
            if self.connection.streams.borrow().has(stream) {
                self.go_long(stream, Rest::None, &block);
            }
        }
    }

    fn poll_long(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let Some(long) = &mut self.long else {
            return Ok(());
        };
        let mut streams = self.connection.streams.borrow_mut();
        for number in streams.take_dropped() {
            long.cut(number);
        }
        long.poll(&mut streams, cx).map_err(End::Found)
    }

    /// Writes what there is; `false` when the client does not take it all now.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut streams = self.connection.streams.borrow_mut();
        let is_some = !streams.out.is_empty();
        while self.written < streams.out.len() {
            let rest = &streams.out[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(length @ 1..)) => self.written += length,
                Poll::Ready(_) => return Err(End::Left),
                Poll::Pending => return Ok(false),
            }
        }
        streams.out.clear();
        self.written = 0;
        if is_some {
            streams.wake();
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(_)) => Err(End::Left),
            Poll::Pending => Ok(false),
        }
    }
}
