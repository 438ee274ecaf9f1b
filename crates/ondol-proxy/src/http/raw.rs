//! The short way: requests that are only passed on, from bytes to bytes, without a parsed form in between.
//!
//! It takes what most requests are: GET and HEAD of HTTP/1.1 without a body, for a route that changes nothing and a
//! service that is asked in the ordinary way, or whose answer is kept and fresh. At the first request of a connection
//! that is something else, or that gets no answer here, the connection goes on the long way ([`super::serve`]), with
//! that request first. So everything that is refused, repeated or answered instead is said in one place.
//!
//! Bytes come through the same guard as on the long way.

mod buffer;
mod date;
mod fuzzed;
mod give;
mod passage;
mod path;
pub(super) mod request;
pub(super) mod response;
mod write;

use std::future::poll_fn;
use std::rc::Rc;

use http::{HeaderValue, Method, StatusCode, Version};
use ondol_model::{RunId, Time};
use tokio::io::AsyncWriteExt;

use super::body::Busy;
use super::exchange::Exchange;
use super::headers::REQUEST_ID;
use super::way::origin;
use crate::Refusal;
use crate::policy::eject::is_failure;
use crate::policy::trace::{Hop, digits};
use crate::signals::{Trail, Wrote};
use crate::stream::ClientStream;
use crate::upstream::{Bare, Cluster, InFlight, Refused, add, connect_bare};
use crate::worker::{Shard, Target};
use buffer::Buffer;
pub(crate) use buffer::Buffers;
pub(crate) use date::Dates;
pub use fuzzed::{pass_answer, pass_request};
use give::Given;
use passage::Passage;
use path::Path;
use request::{Plain, Read};

/// What becomes of a connection.
enum Next {
    /// It is ready for another request.
    Stay,
    /// More bytes are needed.
    Fill,
    /// The request is to go the long way.
    Leave,
    End,
    /// It ends as if it broke.
    Break,
}

/// What is done with a request that stays.
enum Turn {
    Send(Ready),
    Give(Given),
}

/// A request that is ready to be sent.
pub(super) struct Ready {
    /// Bytes of its head.
    length: usize,
    pub is_head: bool,
    pub cluster: Rc<Cluster>,
    pub endpoint: InFlight,
    pub port: u16,
    pub sent: Time,
    pub busy: Busy,
}

/// Serves a connection as long as its requests are only passed on. `true`: it goes on the long way, with a request that
/// it gives back first.
pub(super) async fn serve(at: &Exchange, stream: &mut ClientStream) -> bool {
    let mut said = at.shard.buffers.buffer();
    loop {
        let next = match poll_fn(|cx| said.poll_fill(stream, cx)).await {
            // On the heap as long as it lasts: idle connections are many.
            Ok(1..) => Box::pin(async { Lane::new(at).serve_all(stream, &mut said).await }).await,
            _ => Next::End,
        };
        match next {
            Next::Stay | Next::Fill => {}
            Next::Leave => {
                stream.unread(said.bytes());
                return true;
            }
            Next::End => {
                // What was answered is to arrive, and by TLS its end is said.
                let _ = stream.shutdown().await;
                return false;
            }
            Next::Break => return false,
        }
    }
}

/// One client's connection on the short way.
pub(super) struct Lane<'a> {
    at: &'a Exchange,
}

impl<'a> Lane<'a> {
    pub(super) fn new(at: &'a Exchange) -> Self {
        Lane { at }
    }

    /// Serves what was said, until nothing is left of it.
    async fn serve_all(&self, stream: &mut ClientStream, said: &mut Buffer<'_>) -> Next {
        // One for the head that goes to the endpoint, then for the one that comes back.
        let buffers = &self.at.shard.buffers;
        let mut head = buffers.head();
        let next = loop {
            match self.serve_one(stream, said, &mut head).await {
                Next::Stay if said.is_empty() => break Next::Stay,
                Next::Stay => {}
                Next::Fill => {
                    let filled = poll_fn(|cx| said.poll_fill(stream, cx)).await;
                    if !matches!(filled, Ok(1..)) {
                        break Next::End;
                    }
                }
                next => break next,
            }
        };
        buffers.give_back_head(head);
        next
    }

    async fn serve_one(
        &self,
        stream: &mut ClientStream,
        said: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Next {
        let shard = &self.at.shard;
        let ready = match self.prepare(said.bytes(), head) {
            Ok(Turn::Send(ready)) => ready,
            Ok(Turn::Give(given)) => return self.give(given, stream, said, head).await,
            Err(next) => return next,
        };
        let Some(bare) = ready.connection(shard).await else {
            ready.endpoint.eject(&shard.limits, shard.now());
            ready.busy.hand_over();
            return Next::Leave;
        };
        ready.cluster.count_sent(false, ready.sent);
        // Apart, so that what is taken from the heap for each request is small enough to be at hand there.
        let next = Box::pin(Passage::new(self.at, &ready, stream, said).go(bare, head)).await;
        if let Next::Leave = next {
            ready.busy.hand_over();
        }
        next
    }

    /// Decides where the request goes, and writes its head as the endpoint gets it, if one does.
    fn prepare(&self, bytes: &[u8], head: &mut Vec<u8>) -> Result<Turn, Next> {
        let serving = &self.at.client.serving;
        // What is answered or marked at the door is not here.
        if serving.at_the_door.get() || serving.is_closing() {
            return Err(Next::Leave);
        }
        let target = serving.target();
        head.clear();
        let plain = match request::read(bytes, is_border(&target), head) {
            Read::Partial => return Err(Next::Fill),
            Read::Other => return Err(Next::Leave),
            Read::Plain(plain) => plain,
        };
        let path = path::path(&target, &plain, self.at, Version::HTTP_11).ok_or(Next::Leave)?;
        let turn = match path.kept() {
            Some(kept) => self
                .given(kept, plain, &target, &path, bytes, head)
                .map(Turn::Give),
            None => self
                .send(plain, &target, &path, Version::HTTP_11, head)
                .map(Turn::Send),
        };
        turn.ok_or(Next::Leave)
    }

    /// Decides where a request goes whose lines stand in `head`, and adds what the service is told by us; `None` when
    /// more is to be done with it, or nobody is there who takes it.
    pub(super) fn ready(
        &self,
        plain: Plain<'_>,
        target: &Target,
        version: Version,
        head: &mut Vec<u8>,
    ) -> Option<Ready> {
        let path = path::path(target, &plain, self.at, version)?;
        match path.kept() {
            Some(_) => None,
            None => self.send(plain, target, &path, version, head),
        }
    }

    fn send(
        &self,
        plain: Plain<'_>,
        target: &Target,
        path: &Path<'_>,
        version: Version,
        head: &mut Vec<u8>,
    ) -> Option<Ready> {
        if !path.cluster.only_sends_on() || !path.lets_pass(self.at) {
            return None;
        }
        let now = self.at.shard.now();
        let endpoint = path.cluster.pick(&Refused::default(), now)?;
        let trail = self.trail(&plain, target, version, path);
        if let Some(trail) = &trail {
            trail.sent_to(endpoint.upstream());
        }
        let ready = Ready {
            length: plain.length,
            is_head: plain.is_head,
            cluster: path.cluster.clone(),
            endpoint,
            port: path.port,
            sent: now,
            busy: Busy::new(&self.at.client.activity, version, trail.clone()),
        };
        self.finish(plain, is_border(target), trail.as_deref(), head);
        Some(ready)
    }

    /// What is noted of it, when anybody wants to know.
    fn trail(
        &self,
        plain: &Plain<'_>,
        target: &Target,
        version: Version,
        path: &Path<'_>,
    ) -> Option<Rc<Trail>> {
        let header = |value: &[u8]| HeaderValue::from_bytes(value).ok();
        let wrote = || Wrote {
            method: if plain.is_head {
                Method::HEAD
            } else {
                Method::GET
            },
            uri: plain.target.parse().unwrap_or_default(),
            host: header(plain.host.as_bytes()),
            user_agent: plain.user_agent.and_then(header),
            version,
        };
        let at = self.at;
        let trail = Trail::begin(&at.shard, &at.client, wrote, || at.draw())?;
        let origin = origin(target, path.route, path.port, at.caller.as_deref());
        trail.goes(path.cluster, origin);
        Some(trail)
    }

    /// Adds what a service behind the border is told about the client.
    fn forward(&self, host: &str, head: &mut Vec<u8>) {
        let secured = self.at.client.secured.as_ref();
        let scheme: &[u8] = if secured.is_some() { b"https" } else { b"http" };
        request::write_line("x-forwarded-for", self.at.address.as_bytes(), head);
        request::write_line("x-forwarded-proto", scheme, head);
        if let Some(subject) = secured.and_then(|secured| secured.subject.as_deref()) {
            request::write_line("x-client-subject", subject.as_bytes(), head);
        }
        request::write_line("x-forwarded-host", host.as_bytes(), head);
    }

    /// Adds what the service is told by us.
    fn finish(&self, plain: Plain<'_>, border: bool, trail: Option<&Trail>, head: &mut Vec<u8>) {
        if border {
            self.forward(plain.host, head);
        }
        let id = digits::<32>(self.at.draw());
        if plain.id.is_none() {
            request::write_line(REQUEST_ID.as_str(), &id, head);
        }
        if let Some(trail) = trail {
            trail.named(
                HeaderValue::from_bytes(plain.id.unwrap_or(&id))
                    .ok()
                    .as_ref(),
            );
        }
        match plain.traced {
            None => {
                let random = self.at.draw();
                let begins = trail.is_none_or(|trail| trail.begins_trace(random as u64));
                let hop = Hop::first(random, begins);
                if let Some(trail) = trail {
                    trail.belongs(hop);
                }
                request::write_line("traceparent", &hop.traceparent(), head);
            }
            Some(mut said) => {
                self.at.trace(&mut said, trail);
                for (name, value) in &said {
                    request::write_line(name.as_str(), value.as_bytes(), head);
                }
            }
        }
        head.extend_from_slice(b"\r\n");
    }
}

impl Ready {
    /// A connection to the endpoint, used before or new; `None` when it takes none.
    pub(super) async fn connection(&self, shard: &Shard) -> Option<Bare> {
        let address = self.endpoint.address(self.port);
        let pool = &self.endpoint.pool.bare;
        if let Some(bare) = pool.take(address, &shard.limits, self.sent) {
            return Some(bare);
        }
        // On the heap: hardly any request needs one.
        let opened = Box::pin(connect_bare(address, shard.limits.connect_time_max)).await;
        Some(Bare {
            stream: opened.ok()?,
            opened: shard.now(),
        })
    }

    /// Its answer has begun.
    pub(super) fn answered(&self, status: u16, now: Time) {
        let endpoint = &self.endpoint;
        self.cluster.judge(endpoint, !is_failure(status), now);
        endpoint.answered(self.sent, now);
        if status >= 500 {
            add(&endpoint.counters.errors, 1);
        }
        if let (Some(trail), Ok(status)) = (self.busy.trail_ref(), StatusCode::from_u16(status)) {
            trail.answered(status);
        }
    }

    /// No answer came: the long way decides whether it goes to another endpoint. What was tried is returned.
    pub(super) fn unanswered(&self, now: Time) -> RunId {
        self.cluster.judge(&self.endpoint, false, now);
        add(&self.endpoint.counters.errors, 1);
        self.endpoint.run()
    }

    /// So many bytes of its body have come.
    pub(super) fn count(&self, bytes: usize) {
        add(&self.endpoint.counters.bytes_out, bytes as u64);
        if let Some(trail) = self.busy.trail_ref() {
            trail.gave(bytes);
        }
    }

    /// The answer broke off in the middle.
    pub(super) fn broke(&self) {
        if let Some(trail) = self.busy.trail_ref() {
            trail.broke(Refusal::UpstreamBroke);
        }
        add(&self.endpoint.counters.errors, 1);
        self.cluster.count_refusal(Refusal::UpstreamBroke);
    }

    /// The answer is complete, and its connection can take another request.
    pub(super) fn give_back(&self, bare: Bare, shard: &Shard) {
        if self.endpoint.keeps_bare_connections() {
            let address = self.endpoint.address(self.port);
            let pool = &self.endpoint.pool.bare;
            pool.put(address, bare, &shard.limits, shard.now());
        }
    }
}

/// Whether its clients are believed nothing about themselves.
pub(super) fn is_border(target: &Target) -> bool {
    match target {
        Target::Edge { .. } => true,
        Target::Service { callers, .. } => callers.is_none(),
    }
}
