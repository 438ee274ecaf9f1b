//! One request on its way to an endpoint, and its answer back.

use std::future::poll_fn;
use std::task::{Poll, ready};

use tokio::io::AsyncWriteExt;

use super::super::exchange::Exchange;
use super::buffer::Buffer;
use super::response::{self, Framing, Head};
use super::write::write;
use super::{Next, Ready};
use crate::Refusal;
use crate::guard::Body;
use crate::signals::Trail;
use crate::stream::ClientStream;
use crate::upstream::Bare;
use crate::worker::Waiting;

/// What happens while an answer is waited for.
enum Broken {
    /// The client has left: nobody waits for the answer.
    Client,
    /// The endpoint broke off, or what it says is no answer.
    Endpoint,
    /// It has not answered for too long.
    Late,
}

pub(super) struct Passage<'a, 'b> {
    at: &'a Exchange,
    ready: &'a Ready,
    stream: &'a mut ClientStream,
    /// What the client has said, from this request on.
    said: &'a mut Buffer<'b>,
}

impl<'a, 'b> Passage<'a, 'b> {
    pub(super) fn new(
        at: &'a Exchange,
        ready: &'a Ready,
        stream: &'a mut ClientStream,
        said: &'a mut Buffer<'b>,
    ) -> Self {
        Passage {
            at,
            ready,
            stream,
            said,
        }
    }

    /// Sends the head, and passes the answer on; `head` is used again for the answer's.
    pub(super) async fn go(mut self, mut bare: Bare, head: &mut Vec<u8>) -> Next {
        let mut heard = self.at.shard.buffers.buffer();
        let asked = self.ask(&mut bare, &mut heard, head).await;
        match asked {
            Ok(answer) => self.answer(answer, bare, &mut heard, head).await,
            Err(Broken::Client) => Next::End,
            Err(Broken::Endpoint) => self.unanswered(Refusal::UpstreamClosed),
            Err(Broken::Late) => self.unanswered(Refusal::ResponseTimeout),
        }
    }

    /// Sends the request and waits for the head of its answer; `head` is then the one that the client gets.
    async fn ask(
        &mut self,
        bare: &mut Bare,
        heard: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Result<Head, Broken> {
        let written = bare.stream.write_all(head).await;
        written.map_err(|_| Broken::Endpoint)?;
        let shard = &self.at.shard;
        let waiting = shard.waits.begin(self.ready.sent);
        loop {
            if self.hear_in_time(bare, heard, &waiting).await? == 0 {
                return Err(Broken::Endpoint);
            }
            while !heard.is_empty() {
                head.clear();
                let date = shard.dates.of(shard.date());
                let read = response::read(heard.bytes(), self.ready.is_head, &date, head);
                match read.map_err(|_| Broken::Endpoint)? {
                    Some(answer) => {
                        heard.consume(answer.length);
                        // One that only says that there will be one is not waited for by anybody.
                        if answer.status >= 200 {
                            return Ok(answer);
                        }
                    }
                    None if heard.bytes().len() >= shard.limits.head_bytes_max => {
                        return Err(Broken::Endpoint);
                    }
                    None => break,
                }
            }
        }
    }

    /// No answer came: the long way decides whether the request goes to another endpoint.
    fn unanswered(&self, refusal: Refusal) -> Next {
        let run = self.ready.unanswered(self.at.shard.now());
        self.at.tried.set(Some((run, refusal)));
        Next::Leave
    }

    async fn answer(
        mut self,
        answer: Head,
        mut bare: Bare,
        heard: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Next {
        let shard = &self.at.shard;
        self.ready.answered(answer.status, shard.now());
        let closes = self.at.client.serving.is_closing();
        if closes {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        match self.pump(answer.body, &mut bare, heard, head).await {
            Ok(()) => {
                if let Some(trail) = self.trail() {
                    trail.done();
                }
            }
            Err(Broken::Client) => return Next::End,
            Err(Broken::Endpoint | Broken::Late) => {
                // Nothing can be said any more: the client sees its connection break, as ours did.
                self.ready.broke();
                return Next::Break;
            }
        }
        // What comes behind an answer belongs to no request.
        if answer.keeps && heard.is_empty() {
            self.ready.give_back(bare, shard);
        }
        self.said.consume(self.ready.length);
        match closes {
            true => Next::End,
            false => Next::Stay,
        }
    }

    /// Passes the body on, behind its head.
    async fn pump(
        &mut self,
        framing: Framing,
        bare: &mut Bare,
        heard: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let mut body = match framing {
            Framing::None => return self.write(head, &[]).await,
            Framing::Length(length) => Body::of(length),
            Framing::Chunked => Body::chunked(),
            Framing::UntilEnd => return self.pump_until_end(bare, heard, head).await,
        };
        loop {
            let (length, ended) = match body.read(heard.bytes()) {
                Ok(read) => read,
                Err((length, _)) => {
                    // What was right of it arrives.
                    self.write(head, &heard.bytes()[..length]).await?;
                    return Err(Broken::Endpoint);
                }
            };
            self.ready.count(length);
            self.write(head, &heard.bytes()[..length]).await?;
            heard.consume(length);
            if ended {
                return Ok(());
            }
            if self.hear(bare, heard).await? == 0 {
                return Err(Broken::Endpoint);
            }
        }
    }

    /// A body that ends with its connection becomes one of chunks: the client can tell its end from a break.
    async fn pump_until_end(
        &mut self,
        bare: &mut Bare,
        heard: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        loop {
            if !heard.is_empty() {
                self.ready.count(heard.bytes().len());
                head.extend_from_slice(format!("{:x}\r\n", heard.bytes().len()).as_bytes());
                self.write(head, heard.bytes()).await?;
                head.extend_from_slice(b"\r\n");
                heard.clear();
            }
            if self.hear(bare, heard).await? == 0 {
                head.extend_from_slice(b"0\r\n\r\n");
                return self.write(head, &[]).await;
            }
        }
    }

    fn trail(&self) -> Option<&Trail> {
        self.ready.busy.trail_ref()
    }

    /// The same, and not for ever.
    async fn hear_in_time(
        &mut self,
        bare: &mut Bare,
        heard: &mut Buffer<'_>,
        waiting: &Waiting<'_>,
    ) -> Result<usize, Broken> {
        let heard = waiting.while_it_lasts(self.hear(bare, heard)).await;
        heard.unwrap_or(Err(Broken::Late))
    }

    /// Waits for more from the endpoint, as long as the client does; 0 at its end.
    async fn hear(&mut self, bare: &mut Bare, heard: &mut Buffer<'_>) -> Result<usize, Broken> {
        poll_fn(|cx| {
            if let Poll::Ready(filled) = heard.poll_fill(&mut bare.stream, cx) {
                return Poll::Ready(filled.map_err(|_| Broken::Endpoint));
            }
            // Somebody who has asked for more already is still there. What anybody else says is kept for later.
            if self.said.bytes().len() == self.ready.length
                && !matches!(ready!(self.said.poll_fill(self.stream, cx)), Ok(1..))
            {
                return Poll::Ready(Err(Broken::Client));
            }
            Poll::Pending
        })
        .await
    }

    async fn write(&mut self, head: &mut Vec<u8>, rest: &[u8]) -> Result<(), Broken> {
        let written = write(self.at, self.stream, head, rest).await;
        written.map_err(|_| Broken::Client)
    }
}
