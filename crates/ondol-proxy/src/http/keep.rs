//! Answers that are kept for others.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    HOST, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use ondol_model::Local;
use tokio::time::timeout;

use super::ask::{Collected, collect};
use super::body::{Busy, Download, Upload};
use super::call::copy;
use super::exchange::Exchange;
use super::guarded::Failed;
use super::headers::{ensure_request_id, request_id, strip_hop_by_hop};
use super::way::Way;
use crate::Refusal;
use crate::cache::{Flight, Found, Lead};
use crate::gate::Kept;
use crate::policy::cache::{CACHE_STATUS, Came, HIT, RequestControl, State, Stored, admit, answer};
use crate::policy::path::host_name;

/// An answer that is too old, given because there is no other.
const SPARED: &str = "ondol; hit; detail=stale-if-error";
/// How long a request waits for another one that fetches the same.
const FOLLOW_TIME: Duration = Duration::from_secs(5);

/// What a client asked for, as far as it matters for finding a stored answer.
#[derive(Clone)]
pub(super) struct Asked {
    key: String,
    method: Method,
    headers: HeaderMap,
    only_if_cached: bool,
}

/// A request that goes to the service.
struct Fetch {
    request: Box<Request<Upload>>,
    /// What is stored already, and whether it is better than no answer.
    before: Option<(Arc<Stored>, bool)>,
    /// Others wait for its answer.
    lead: Option<Lead>,
}

/// What a service answered to a request whose answer may be kept.
enum Fetched {
    Kept(Arc<Stored>, &'static str),
    /// Not kept.
    Passed(Box<Response<Download>>),
    Failed(Box<Failed>),
}

impl Asked {
    /// `None` when no stored answer can be one to this request.
    pub(super) fn of(kept: &Kept, request: &Request<Incoming>, way: &Way) -> Option<Self> {
        let (method, headers) = (request.method(), request.headers());
        let control = RequestControl::of(headers);
        let lookable = (method == Method::GET || method == Method::HEAD)
            && request.body().is_end_stream()
            && !control.no_store
            // Rare, and only the service can say (RFC 9110, section 13.1).
            && !headers.contains_key(IF_MATCH)
            && !headers.contains_key(IF_UNMODIFIED_SINCE);
        lookable.then(|| Asked {
            key: key_of(kept, request, way),
            method: method.clone(),
            headers: headers.clone(),
            only_if_cached: control.only_if_cached,
        })
    }
}

/// What an answer to this request is looked up by.
pub(super) fn key_of(kept: &Kept, request: &Request<Incoming>, way: &Way) -> String {
    let uri = request.uri();
    let authority = uri.authority().map(|authority| authority.as_str());
    let host = authority.or_else(|| request.headers().get(HOST)?.to_str().ok());
    let path = way.path.as_deref().unwrap_or(uri.path());
    kept.key(&host_name(host.unwrap_or_default()), path, uri.query())
}

impl Exchange {
    /// What is stored and fresh, for a request that needs nobody else: it is looked for before anything is made ready
    /// to be sent.
    pub(super) fn at_hand(
        &self,
        kept: &Kept,
        asked: &Asked,
        request: &mut Request<Incoming>,
        way: &Way,
    ) -> Option<Arc<Stored>> {
        let now = self.shard.now();
        let Found::Stored(stored) = kept.cache.find(&asked.key, &asked.headers, now) else {
            return None;
        };
        // Copies are made of every request.
        if !matches!(stored.state(now), State::Fresh) || way.mirror().is_some() {
            return None;
        }
        kept.cache.counters.hits.fetch_add(1, Relaxed);
        if let Some(trail) = &way.trail {
            let headers = request.headers_mut();
            ensure_request_id(headers, || self.draw());
            self.trace(headers, Some(trail));
            trail.named(request_id(headers));
            trail.because(Local::CacheHit);
        }
        Some(stored)
    }

    /// Answers from the cache as far as it can, and from the service otherwise. The error is why neither could.
    pub(super) async fn keep(
        self: &Rc<Self>,
        kept: &Kept,
        asked: Asked,
        request: Box<Request<Upload>>,
        way: &Way,
        busy: Busy,
    ) -> Result<Response<Download>, (Failed, Busy)> {
        let cache = &kept.cache;
        let mut fetch = Fetch {
            request,
            before: None,
            lead: None,
        };
        let mut waited = false;
        loop {
            let now = self.shard.now();
            match cache.find(&asked.key, &asked.headers, now) {
                Found::Stored(stored) => match stored.state(now) {
                    State::Fresh => {
                        cache.counters.hits.fetch_add(1, Relaxed);
                        busy.because(Local::CacheHit);
                        return Ok(self.give(&stored, &asked, HIT, busy));
                    }
                    State::Refresh => {
                        if let Flight::Lead(lead) = cache.fly(&asked.key) {
                            self.refresh(way, &asked, &fetch.request, stored.clone(), lead);
                        }
                        cache.counters.stale.fetch_add(1, Relaxed);
                        busy.because(Local::CacheStale);
                        return Ok(self.give(&stored, &asked, "ondol; hit; detail=stale", busy));
                    }
                    State::Ask { spare } => fetch.before = Some((stored, spare)),
                },
                Found::Pass => return self.fetch(kept, asked, fetch, way, busy).await,
                Found::Nothing => {}
            }
            if asked.only_if_cached {
                return Err((Failed::new(Refusal::NotCached, None), busy));
            }
            // A part of something that is not here, or its head alone, is no reason to fetch all of it.
            let partial = asked.headers.contains_key(RANGE) || asked.method == Method::HEAD;
            if partial {
                fetch.before = None;
                return self.fetch(kept, asked, fetch, way, busy).await;
            }
            match cache.fly(&asked.key) {
                Flight::Follow(mut leader) if !waited => {
                    waited = true;
                    // It ends in an error, when the leader is gone; what it found is looked up again.
                    let _ = timeout(FOLLOW_TIME, leader.changed()).await;
                }
                Flight::Follow(_) => return self.fetch(kept, asked, fetch, way, busy).await,
                Flight::Lead(lead) => {
                    fetch.lead = Some(lead);
                    return self.fetch(kept, asked, fetch, way, busy).await;
                }
            }
        }
    }

    async fn fetch(
        self: &Rc<Self>,
        kept: &Kept,
        asked: Asked,
        mut fetch: Fetch,
        way: &Way,
        busy: Busy,
    ) -> Result<Response<Download>, (Failed, Busy)> {
        kept.cache.counters.misses.fetch_add(1, Relaxed);
        let before = fetch.before.as_ref().map(|(stored, _)| stored.clone());
        let lead = fetch.lead.take();
        if lead.is_some() || fetch.before.is_some() {
            for condition in [RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE] {
                fetch.request.headers_mut().remove(condition);
            }
        }
        match self.fetch_and_keep(kept, &asked, fetch, way).await {
            Fetched::Kept(stored, status) => {
                if status == SPARED {
                    busy.because(Local::CacheStale);
                }
                Ok(self.give(&stored, &asked, status, busy))
            }
            Fetched::Passed(mut response) => {
                if lead.is_some() {
                    kept.cache.pass(&asked.key, self.shard.now());
                }
                let status = HeaderValue::from_static("ondol; fwd=miss");
                response.headers_mut().insert(CACHE_STATUS, status);
                Ok(response.map(|body| body.with(busy)))
            }
            Fetched::Failed(mut failed) => {
                let (policy, now) = (way.cluster.policy(), self.shard.now());
                failed.stale = before
                    .filter(|stored| policy.accepts_stale(stored, now))
                    .map(|stored| {
                        Box::new(self.stored(&stored, &asked, "ondol; hit; detail=stale"))
                    });
                Err((*failed, busy))
            }
        }
    }

    /// Fetches a newer answer while an older one is given.
    fn refresh(
        self: &Rc<Self>,
        way: &Way,
        asked: &Asked,
        request: &Request<Upload>,
        stored: Arc<Stored>,
        lead: Lead,
    ) {
        let (at, mut way, asked) = (self.clone(), way.clone(), asked.clone());
        way.trail = None;
        let fetch = Fetch {
            request: copy(request),
            before: Some((stored, true)),
            lead: None,
        };
        tokio::task::spawn_local(async move {
            if let Some(kept) = way.gate().as_ref().and_then(|gate| gate.kept.as_ref()) {
                // Where it is not kept, nobody reads it.
                at.fetch_and_keep(kept, &asked, fetch, &way).await;
            }
            drop(lead);
        });
    }

    async fn fetch_and_keep(&self, kept: &Kept, asked: &Asked, fetch: Fetch, way: &Way) -> Fetched {
        let Fetch {
            mut request,
            before,
            ..
        } = fetch;
        if let Some((stored, _)) = &before {
            stored.ask_with(request.headers_mut());
        }
        let spare = |then: Fetched| match &before {
            Some((stored, true)) => Fetched::Kept(stored.clone(), SPARED),
            _ => then,
        };
        let (purges, sent) = (kept.cache.purges(), self.shard.now());
        let mut response = match self.call(request, way).await {
            Ok((response, lease)) => response.map(|body| Download::endpoint(body, lease)),
            Err(failed) => return spare(Fetched::Failed(Box::new(failed))),
        };
        strip_hop_by_hop(response.headers_mut());
        let now = self.shard.now();
        let came = Came {
            delay: now.since(sent),
            date: self.shard.date(),
            now,
        };
        let status = response.status();
        if let (StatusCode::NOT_MODIFIED, Some((stored, _))) = (status, &before) {
            let defaults = kept.rules.defaults_for(stored.status);
            let confirmed = stored.confirmed(response.headers(), defaults, came);
            let put = confirmed.clone();
            kept.cache.put(&asked.key, &asked.headers, put, purges);
            return Fetched::Kept(Arc::new(confirmed), "ondol; fwd=stale; fwd-status=304");
        }
        if status.is_server_error() {
            // Where a stored one is spared, the body of this one is not read, and its connection not used again.
            return spare(Fetched::Passed(Box::new(response)));
        }
        let (rules, said) = (&kept.rules, response.headers());
        let admitted = match admit(rules, &asked.method, &asked.headers, status, said, came) {
            Ok(admitted) => admitted,
            Err(_) => return Fetched::Passed(Box::new(response)),
        };
        let (head, body) = response.into_parts();
        let max = usize::try_from(rules.body_bytes_max).unwrap_or(usize::MAX);
        match collect(body, max).await {
            Some(Collected::Whole(body)) => {
                let stored = admitted.complete(body);
                let put = stored.clone();
                kept.cache.put(&asked.key, &asked.headers, put, purges);
                Fetched::Kept(Arc::new(stored), "ondol; fwd=miss; stored")
            }
            Some(Collected::Longer(body)) => {
                Fetched::Passed(Box::new(Response::from_parts(head, body)))
            }
            None => {
                let failed = Failed::new(Refusal::UpstreamBroke, None);
                spare(Fetched::Failed(Box::new(failed)))
            }
        }
    }

    pub(super) fn give(
        &self,
        stored: &Stored,
        asked: &Asked,
        status: &'static str,
        busy: Busy,
    ) -> Response<Download> {
        self.stored(stored, asked, status)
            .map(|body| Download::text(body, busy))
    }

    fn stored(&self, stored: &Stored, asked: &Asked, status: &'static str) -> Response<Bytes> {
        let answer = answer(stored, &asked.method, &asked.headers, self.shard.now());
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        let status = HeaderValue::from_static(status);
        response.headers_mut().insert(CACHE_STATUS, status);
        response
    }
}
