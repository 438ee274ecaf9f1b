//! What a client gets when the service gave no answer.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use hyper::body::Incoming;

use super::body::{Busy, Download};
use super::call::Call;
use super::guarded::{Failed, guarded};
use super::headers::is_grpc;
use super::lease::Lease;
use super::refuse::REASON;
use super::way::Way;
use crate::policy::plan::Static;
use crate::upstream::Fallback;
use crate::worker::Shard;

/// Says that an answer is not the one that was asked for, and whose it is.
const FALLBACK: HeaderName = HeaderName::from_static("x-ondol-fallback");

/// An answer from somewhere else than the service itself.
pub(super) enum Instead {
    Static(Static),
    Endpoint(Response<Incoming>, Box<Lease>),
    Stale(Box<Response<Bytes>>),
}

/// Tries what the service's file says, in order. `None`: there is nothing else, and `failed` is what the client hears.
pub(super) async fn instead(shard: &Rc<Shard>, way: &Way, failed: &mut Failed) -> Option<Instead> {
    let policy = way.cluster.policy();
    for fallback in &policy.fallback {
        match fallback {
            Fallback::Stale(_) => {
                if let Some(mut stale) = failed.stale.take() {
                    mark(stale.headers_mut(), failed, "stale");
                    return Some(Instead::Stale(stale));
                }
            }
            Fallback::Static(answer) => return Some(Instead::Static(answer.clone())),
            Fallback::Service(service, port) => {
                let (Some(request), Some(port)) = (failed.request.take(), *port) else {
                    continue;
                };
                let cluster = shard.cluster(service);
                let call = Call {
                    shard,
                    cluster: &cluster,
                    port,
                    patient: false,
                    http2: is_grpc(request.headers()),
                    client: way.client,
                    trail: way.trail.as_deref(),
                    tried: None,
                };
                match guarded(&call, request).await {
                    Ok((mut response, lease)) => {
                        mark(response.headers_mut(), failed, &service.service.to_string());
                        return Some(Instead::Endpoint(response, lease));
                    }
                    Err(next) => {
                        cluster.count_refusal(next.refusal);
                        failed.request = next.request;
                    }
                }
            }
        }
    }
    None
}

/// A static answer as the client gets it.
pub(super) fn answer(answer: Static, failed: &Failed, busy: Busy) -> Response<Download> {
    let mut response = Response::new(Download::text(answer.body, busy));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    mark(response.headers_mut(), failed, "static");
    response
}

fn mark(headers: &mut http::HeaderMap, failed: &Failed, whose: &str) {
    headers.insert(REASON, HeaderValue::from_static(failed.refusal.word()));
    if let Ok(whose) = HeaderValue::from_str(whose) {
        headers.insert(FALLBACK, whose);
    }
}
