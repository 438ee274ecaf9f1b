//! Requests whose answer is kept: from bytes to bytes, without a word to the service.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::Version;
use ondol_model::{Local, Time};

use super::super::body::Busy;
use super::buffer::Buffer;
use super::path::Path;
use super::request::{Lines, Plain};
use super::write::write;
use super::{Lane, Next, is_border};
use crate::cache::Found;
use crate::gate::Kept;
use crate::policy::cache::{State, Stored};
use crate::policy::path::host_name;
use crate::stream::ClientStream;
use crate::worker::Target;

/// A request that is answered by what is kept.
pub(super) struct Given {
    /// Bytes of its head.
    length: usize,
    is_head: bool,
    stored: Arc<Stored>,
    age_seconds: u64,
    busy: Busy,
}

impl Lane<'_> {
    /// The answer to a request whose head is `bytes`, as far as it is at hand; its own head is not written to anybody.
    pub(super) fn given(
        &self,
        kept: &Kept,
        plain: Plain<'_>,
        target: &Target,
        path: &Path<'_>,
        bytes: &[u8],
        head: &mut Vec<u8>,
    ) -> Option<Given> {
        let now = self.at.shard.now();
        let stored = self.at_hand(kept, &plain, path, bytes, now)?;
        let trail = self.trail(&plain, target, Version::HTTP_11, path);
        let given = Given {
            length: plain.length,
            is_head: plain.is_head,
            age_seconds: stored.age(now).as_secs(),
            stored,
            busy: Busy::new(&self.at.client.activity, Version::HTTP_11, trail.clone()),
        };
        if let Some(trail) = trail {
            trail.because(Local::CacheHit);
            self.finish(plain, is_border(target), Some(&trail), head);
        }
        Some(given)
    }

    /// What is kept of this address for requests like this one, as long as it is fresh. Everything else that may be
    /// kept, or asked of it, is for the long way.
    fn at_hand(
        &self,
        kept: &Kept,
        plain: &Plain<'_>,
        path: &Path<'_>,
        bytes: &[u8],
        now: Time,
    ) -> Option<Arc<Stored>> {
        if plain.is_choosy {
            return None;
        }
        let shard = &self.at.shard;
        let (host, (name, query)) = (host_name(plain.host), plain.path_and_query());
        let lines = Lines(&bytes[..plain.length]);
        let found = shard.buffers.with_text(|key| {
            kept.write_key(&host, name, query, key);
            kept.cache.find(key, &lines, now)
        });
        let Found::Stored(stored) = found else {
            return None;
        };
        if !matches!(stored.state(now), State::Fresh) || !path.lets_pass(self.at) {
            return None;
        }
        kept.cache.counters.hits.fetch_add(1, Relaxed);
        Some(stored)
    }

    pub(super) async fn give(
        &self,
        given: Given,
        stream: &mut ClientStream,
        said: &mut Buffer<'_>,
        head: &mut Vec<u8>,
    ) -> Next {
        let shard = &self.at.shard;
        let (stored, trail) = (&given.stored, given.busy.trail_ref());
        let body: &[u8] = match given.is_head {
            true => &[],
            false => &stored.body,
        };
        if let Some(trail) = trail {
            trail.answered(stored.status);
            trail.gave(body.len());
        }
        head.clear();
        let date = shard.dates.of(shard.date());
        stored.written.write(given.age_seconds, &date, head);
        if write(self.at, stream, head, body).await.is_err() {
            return Next::End;
        }
        if let Some(trail) = trail {
            trail.done();
        }
        said.consume(given.length);
        Next::Stay
    }
}
