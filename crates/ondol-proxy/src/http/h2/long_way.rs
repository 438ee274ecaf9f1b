//! Everything that is not only passed on: gRPC, bodies, routes that change something, and what is no request at all.
//! hyper serves it, on a connection in memory whose client is this; frames go there and come back with other numbers.

use std::collections::{BTreeMap, VecDeque};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, DuplexStream};

use super::super::exchange::Exchange;
use super::super::serve_http2::serve_streams;
use super::frame::{self, Code, HEAD_BYTES, Head, PREFACE, flag, kind};
use super::settings::{self, WINDOW_BYTES};
use super::streams::Streams;
use super::uploads::Uploads;

/// In memory, each way.
const PIPE_BYTES: usize = 128 << 10;
/// Bytes of all answers together that come without being asked for.
const WINDOW: u32 = 256 << 10;
/// Read at once.
const READ_BYTES: usize = 16 << 10;
/// Waits for the client. More than that window, so that what is said besides is heard.
const HELD_BYTES_MAX: usize = 512 << 10;
/// Waits for the other end. A client that asks for more is not read any more.
const TO_BYTES_MAX: usize = 64 << 10;

/// What is to come of a request behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    None,
    /// As soon as it can be sent.
    Body,
    /// Whenever its client has something to say, as in a call of gRPC.
    Messages,
}

pub(super) struct LongWay {
    io: DuplexStream,
    /// Goes there.
    to: Vec<u8>,
    sent: usize,
    /// Came from there.
    from: BytesMut,
    /// Frames that wait for the client to take more, in their order.
    held: VecDeque<(Head, Bytes)>,
    held_bytes: usize,
    /// Bytes of answers that were given to the client since more of them were asked for.
    given: u32,
    /// The client's streams by their numbers here.
    clients: BTreeMap<u32, u32>,
    next: u32,
    uploads: Uploads,
}

impl LongWay {
    /// `window` is that of the client's streams.
    pub(super) fn begin(at: &Rc<Exchange>, window: u32) -> Self {
        let (io, theirs) = tokio::io::duplex(PIPE_BYTES);
        tokio::task::spawn_local(serve_streams(at.clone(), theirs));
        let mut to = PREFACE.to_vec();
        settings::write_for_long_way(window, &mut to);
        frame::write_window(0, WINDOW - WINDOW_BYTES, &mut to);
        LongWay {
            io,
            to,
            sent: 0,
            from: BytesMut::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            given: 0,
            clients: BTreeMap::new(),
            next: 1,
            uploads: Uploads::new(at.client.activity.clone()),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.to.len() < TO_BYTES_MAX
    }

    /// A request begins.
    pub(super) fn open(&mut self, stream: u32, rest: Rest, block: &[u8], streams: &mut Streams) {
        let number = self.next;
        self.next += 2;
        self.clients.insert(number, stream);
        let ends = rest == Rest::None;
        streams.open_long(stream, number, ends);
        if rest == Rest::Body {
            self.uploads.begin(number);
        }
        frame::write_block(number, ends, block, &mut self.to);
    }

    /// What comes behind its body.
    pub(super) fn trailers(
        &mut self,
        number: u32,
        ends: bool,
        block: &[u8],
        streams: &mut Streams,
    ) {
        frame::write_block(number, ends, block, &mut self.to);
        self.asked(number, ends, streams);
    }

    /// A piece of its body, as its client wrote it.
    pub(super) fn data(&mut self, number: u32, ends: bool, whole: &[u8], streams: &mut Streams) {
        let (head, payload) = whole.split_at(HEAD_BYTES);
        self.to.extend_from_slice(&head[..HEAD_BYTES - 4]);
        self.to.extend_from_slice(&number.to_be_bytes());
        self.to.extend_from_slice(payload);
        self.uploads.came(number, payload.len() as u32);
        self.asked(number, ends, streams);
    }

    /// The request may be whole now, and may have been answered before.
    fn asked(&mut self, number: u32, ends: bool, streams: &mut Streams) {
        if !ends {
            return;
        }
        self.uploads.end(number);
        if self
            .clients
            .get(&number)
            .is_some_and(|stream| streams.settle(*stream))
        {
            self.forget(number);
        }
    }

    /// The client takes more of one stream.
    pub(super) fn opens(&mut self, number: u32, by: u32) {
        frame::write_window(number, by, &mut self.to);
    }

    /// The windows of its streams begin with something else.
    pub(super) fn begin_with(&mut self, window: u32) {
        settings::write_window(window, &mut self.to);
    }

    /// Nobody wants it any more.
    pub(super) fn cut(&mut self, number: u32) {
        if self.forget(number) {
            frame::write_reset(number, Code::Cancel, &mut self.to);
        }
    }

    /// Carries frames both ways as far as it goes. The error is why the connection ends.
    pub(super) fn poll(&mut self, streams: &mut Streams, cx: &mut Context<'_>) -> Result<(), Code> {
        loop {
            self.give(streams);
            if !self.poll_write(cx)? {
                // What was to be written is not: nothing is read that would add to it.
                return Ok(());
            }
            if self.held_bytes > HELD_BYTES_MAX || !streams.has_room() {
                return Ok(());
            }
            self.from.reserve(READ_BYTES);
            match pin!(self.io.read_buf(&mut self.from)).poll(cx) {
                Poll::Ready(Ok(1..)) => self.hear(streams)?,
                Poll::Ready(_) => return Err(Code::Internal),
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// Whether all is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Code> {
        while self.sent < self.to.len() {
            match Pin::new(&mut self.io).poll_write(cx, &self.to[self.sent..]) {
                Poll::Ready(Ok(length @ 1..)) => self.sent += length,
                Poll::Ready(_) => return Err(Code::Internal),
                Poll::Pending => return Ok(false),
            }
        }
        self.to.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Looks at the frames that came.
    fn hear(&mut self, streams: &mut Streams) -> Result<(), Code> {
        while let Some(head) = Head::read(&self.from)
            && self.from.len() >= HEAD_BYTES + head.length
        {
            self.from.advance(HEAD_BYTES);
            let payload = self.from.split_to(head.length).freeze();
            match head.kind {
                kind::SETTINGS if !head.has(flag::ACK) => {
                    frame::write(kind::SETTINGS, flag::ACK, 0, &[], &mut self.to);
                }
                kind::PING if !head.has(flag::ACK) => {
                    frame::write(kind::PING, flag::ACK, 0, &payload, &mut self.to);
                }
                kind::GOAWAY => {
                    let code = payload.get(4..8).and_then(|code| code.try_into().ok());
                    let code = Code::of(code.map_or(0, u32::from_be_bytes));
                    if code != Code::NoError {
                        return Err(code);
                    }
                }
                kind::WINDOW_UPDATE => {
                    let stream = match head.stream {
                        0 => Some(0),
                        number => self.clients.get(&number).copied(),
                    };
                    if let (Some(stream), Some(by)) = (stream, payload.first_chunk()) {
                        self.uploads.granted(head.stream, u32::from_be_bytes(*by));
                        frame::write(kind::WINDOW_UPDATE, 0, stream, &payload, &mut streams.out);
                    }
                }
                kind::DATA | kind::HEADERS | kind::CONTINUATION | kind::RST_STREAM => {
                    self.held_bytes += payload.len();
                    self.held.push_back((head, payload));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the client what it takes of the frames that wait.
    fn give(&mut self, streams: &mut Streams) {
        while streams.has_room()
            && let Some((head, mut payload)) = self.held.pop_front()
        {
            let client = self.clients.get(&head.stream).copied();
            let room = match head.kind {
                kind::DATA if client.is_some() => streams.window() as usize,
                kind::HEADERS if !has_end(&head, &self.held) => 0,
                _ => usize::MAX,
            };
            if room >= payload.len() && room > 0 || payload.is_empty() && head.kind == kind::DATA {
                self.write(&head, client, &payload, streams);
                continue;
            }
            if room > 0 {
                // The window is smaller than this piece.
                let piece = payload.split_to(room);
                let part = Head {
                    length: room,
                    flags: 0,
                    ..head
                };
                self.write(&part, client, &piece, streams);
            }
            let length = payload.len();
            self.held.push_front((Head { length, ..head }, payload));
            return;
        }
    }

    fn write(&mut self, head: &Head, client: Option<u32>, piece: &[u8], streams: &mut Streams) {
        self.held_bytes -= piece.len();
        if head.kind == kind::DATA {
            self.given += piece.len() as u32;
        }
        if self.given >= WINDOW / 2 {
            frame::write_window(0, std::mem::take(&mut self.given), &mut self.to);
        }
        let Some(stream) = client else { return };
        streams.write_frame(&Head { stream, ..*head }, piece);
        let is_over = match head.kind {
            kind::RST_STREAM => {
                streams.note_cut(stream);
                streams.end(stream);
                true
            }
            kind::DATA | kind::HEADERS if head.has(flag::END_STREAM) => streams.answered(stream),
            _ => false,
        };
        if is_over {
            self.forget(head.stream);
        }
    }

    fn forget(&mut self, number: u32) -> bool {
        self.uploads.end(number);
        self.clients.remove(&number).is_some()
    }
}

/// Whether all frames of a head are there, which these follow: nothing may come between them.
fn has_end(head: &Head, held: &VecDeque<(Head, Bytes)>) -> bool {
    head.has(flag::END_HEADERS) || held.iter().any(|(head, _)| head.has(flag::END_HEADERS))
}
