//! A record from what was noted.

use std::time::Duration;

use http::{HeaderValue, Version};
use ondol_model::{Access, HttpVersion, Kept, Origin, SpanId, TraceId};

use super::Trail;
use crate::policy::health_check::is_health_check;
use crate::policy::trace::Hop;
use crate::stream::REFUSED_METHOD;

pub(super) fn of(trail: &Trail, kept: Kept, duration: Duration) -> Access {
    let hop = trail.hop.get().unwrap_or_else(|| Hop::apart(trail.random));
    let (way, endpoint) = (trail.way.borrow(), trail.endpoint.borrow());
    let (service, origin) = match &*way {
        Some((cluster, origin)) => (Some(cluster.service().clone()), origin.clone()),
        None => (None, Origin::Edge),
    };
    let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Access {
        at_unix_ns: trail.shard.crew.clock.unix_ns().saturating_sub(duration_ns),
        duration_ns,
        kept,
        origin,
        service,
        replica: endpoint.as_ref().map(|endpoint| endpoint.replica()),
        run: endpoint.as_ref().map(|endpoint| endpoint.run()),
        revision: None,
        client: trail.client.ip,
        tls: trail.client.secured.is_some(),
        version: version(trail),
        method: cut(trail.method()),
        host: cut(host_of(trail)),
        path: cut(trail.uri.path()),
        query: trail.uri.query().map(cut),
        user_agent: said(trail.user_agent.as_ref()).map(cut),
        status: trail.status.get(),
        grpc_status: trail.grpc_status.get(),
        reason: trail.reason.get(),
        attempts: trail.attempts.get(),
        bytes_in: trail.bytes_in.get(),
        bytes_out: trail.bytes_out.get(),
        trace: TraceId(hop.trace),
        span: SpanId(hop.span),
        parent: hop.parent.map(SpanId),
        request_id: said(trail.request_id.borrow().as_ref()).map(cut),
        health_check: trail.is_health_check(),
    }
}

impl Trail {
    /// Empty when the request could not be read.
    pub(super) fn method(&self) -> &str {
        match self.method.as_str() {
            REFUSED_METHOD => "",
            method => method,
        }
    }

    pub(super) fn is_health_check(&self) -> bool {
        let agent = self.user_agent.as_ref().map(HeaderValue::as_bytes);
        is_health_check(&self.method, self.uri.path(), agent)
    }
}

/// The host that was asked for; empty when the client did not say.
pub(super) fn host_of(trail: &Trail) -> &str {
    let authority = trail.uri.authority().map(|authority| authority.as_str());
    let host = || said(trail.host.as_ref());
    authority.or_else(host).unwrap_or_default()
}

/// What can be written down of a header.
pub(super) fn said(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

pub(super) fn version(trail: &Trail) -> HttpVersion {
    match trail.version {
        Version::HTTP_09 | Version::HTTP_10 => HttpVersion::Http10,
        Version::HTTP_2 => HttpVersion::Http2,
        _ => HttpVersion::Http11,
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(Access::TEXT_BYTES_MAX)].to_owned()
}
