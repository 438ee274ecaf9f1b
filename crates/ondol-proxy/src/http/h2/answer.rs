//! One request on its way to an endpoint, and its answer back into the frames of its stream.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use ondol_model::RunId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::raw::Ready;
use super::super::raw::response::{self, Framing, Head};
use super::connection::Connection;
use super::frame::Code;
use super::hpack::Block;
use crate::Refusal;
use crate::guard::Body;
use crate::upstream::Bare;

/// Read at once of an answer.
const READ_BYTES: usize = 16 << 10;

/// A request as its service gets it, and behind it as the client wrote it.
pub(super) struct Heads {
    pub bytes: Vec<u8>,
    /// Where the second begins.
    pub middle: usize,
}

/// What became of a request that was sent.
enum Outcome {
    Answered,
    /// No answer came, or none in time.
    Unanswered(Refusal),
    /// The answer broke off in the middle.
    Broke,
    /// Its client has left.
    Left,
}

/// Serves one request; dropped, it lets go of its endpoint.
pub(super) async fn answer(
    connection: Rc<Connection>,
    stream: u32,
    ready: Ready,
    mut heads: Heads,
) {
    let shard = &connection.at.shard;
    let Some(bare) = ready.connection(shard).await else {
        ready.endpoint.eject(&shard.limits, shard.now());
        return leave(&connection, stream, ready, heads, None);
    };
    ready.cluster.count_sent(false, ready.sent);
    let answering = Answering {
        connection: &connection,
        stream,
        ready: &ready,
        bare,
        heard: BytesMut::new(),
    };
    match answering.go(&mut heads).await {
        Outcome::Answered | Outcome::Left => connection.end(stream),
        Outcome::Unanswered(refusal) => {
            let run = ready.unanswered(shard.now());
            leave(&connection, stream, ready, heads, Some((run, refusal)));
        }
        Outcome::Broke => {
            ready.broke();
            connection.break_off(stream, Code::Internal);
        }
    }
}

/// The long way has the words for what has happened, or asks somebody else.
fn leave(
    connection: &Connection,
    stream: u32,
    ready: Ready,
    heads: Heads,
    tried: Option<(RunId, Refusal)>,
) {
    ready.busy.hand_over();
    let mut block = heads.bytes;
    block.drain(..heads.middle);
    connection.leave(stream, block, tried);
}

struct Answering<'a> {
    connection: &'a Connection,
    stream: u32,
    ready: &'a Ready,
    bare: Bare,
    heard: BytesMut,
}

impl Answering<'_> {
    async fn go(mut self, heads: &mut Heads) -> Outcome {
        let shard = &self.connection.at.shard;
        let waiting = shard.waits.begin(self.ready.sent);
        let head = &heads.bytes[..heads.middle];
        let asked = waiting.while_it_lasts(self.ask(head)).await;
        drop(waiting);
        let (answer, mut block) = match asked {
            Some(Some(asked)) => asked,
            Some(None) => return Outcome::Unanswered(Refusal::UpstreamClosed),
            None => return Outcome::Unanswered(Refusal::ResponseTimeout),
        };
        self.ready.answered(answer.status, shard.now());
        let ends = answer.body == Framing::None;
        self.connection.write_head(self.stream, ends, &mut block);
        self.connection.give_back(block);
        let passed = match answer.body {
            Framing::None => Some(true),
            Framing::Length(length) => self.pass(Some(Body::of(length))).await,
            Framing::Chunked => self.pass(Some(Body::chunked())).await,
            Framing::UntilEnd => self.pass(None).await,
        };
        match passed {
            None => return Outcome::Broke,
            Some(false) => return Outcome::Left,
            Some(true) => {}
        }
        if let Some(trail) = self.ready.busy.trail_ref() {
            trail.done();
        }
        // What comes behind an answer belongs to no request.
        if answer.keeps && self.heard.is_empty() {
            self.ready.give_back(self.bare, shard);
        }
        Outcome::Answered
    }

    /// Sends the request and waits for the head of its answer, and for that as its client gets it.
    async fn ask(&mut self, head: &[u8]) -> Option<(Head, Vec<u8>)> {
        self.bare.stream.write_all(head).await.ok()?;
        let shard = &self.connection.at.shard;
        loop {
            if self.hear().await? == 0 {
                return None;
            }
            while !self.heard.is_empty() {
                let mut block = self.connection.block();
                let date = shard.dates.of(shard.date());
                let form = &mut Block(&mut block);
                let read = response::read(&self.heard, self.ready.is_head, &date, form).ok()?;
                let Some(answer) = read else {
                    if self.heard.len() >= shard.limits.head_bytes_max {
                        return None;
                    }
                    break;
                };
                self.heard.advance(answer.length);
                // One that only says that there will be one is not waited for by anybody.
                if answer.status >= 200 {
                    return Some((answer, block));
                }
            }
        }
    }

    /// Passes the body on, which is as long as the connection when nothing else is known: `false` when its client has
    /// left. Nothing when it is none. Who wants trailers says so, and is not here.
    async fn pass(&mut self, mut body: Option<Body>) -> Option<bool> {
        loop {
            while !self.heard.is_empty() {
                let (piece, ended) = match &mut body {
                    Some(body) => body.piece(&self.heard).ok()?,
                    None => (0..self.heard.len(), false),
                };
                self.ready.count(piece.len());
                if !self.write(&self.heard[piece.clone()], ended).await {
                    return Some(false);
                }
                self.heard.advance(piece.end);
                if ended {
                    return Some(true);
                }
            }
            match (self.hear().await, &body) {
                (Some(1..), _) => {}
                (Some(0), None) => return Some(self.write(&[], true).await),
                _ => return None,
            }
        }
    }

    /// Waits for more from the endpoint, without holding anything as long as there is nothing.
    async fn hear(&mut self) -> Option<usize> {
        let (stream, heard) = (&mut self.bare.stream, &mut self.heard);
        let read = poll_fn(|cx| {
            let Poll::Ready(is_ready) = stream.poll_read_ready(cx) else {
                if heard.is_empty() {
                    *heard = BytesMut::new();
                }
                return Poll::Pending;
            };
            is_ready?;
            heard.reserve(READ_BYTES);
            pin!(stream.read_buf(heard)).poll(cx)
        });
        read.await.ok()
    }

    /// Writes a piece as far as its client takes it; `false` when that has left.
    async fn write(&self, mut piece: &[u8], ends: bool) -> bool {
        let connection = self.connection;
        while !piece.is_empty() {
            let room = match connection.room_at_once(self.stream) {
                Some(room) => room,
                None => {
                    // A client that takes nothing is not waited for without end.
                    self.ready.busy.waits_for(true);
                    let room = connection.room(self.stream).await;
                    self.ready.busy.waits_for(false);
                    room
                }
            };
            if room == 0 {
                return false;
            }
            let (now, later) = piece.split_at(room.min(piece.len()));
            connection.write_data(self.stream, now, ends && later.is_empty());
            piece = later;
            if piece.is_empty() {
                return true;
            }
        }
        if ends {
            connection.write_data(self.stream, &[], true);
        }
        true
    }
}
