//! The request as the endpoint gets it.

use http::header::{HOST, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::body::Upload;
use super::exchange::Exchange;
use super::headers;
use super::way::Way;
use crate::policy::rewrite::Rewrite;

/// Whatever version the client speaks, what comes out is in the form of HTTP/1.1: an origin-form target and a `Host`.
pub(super) fn prepare(
    at: &Exchange,
    request: Request<Incoming>,
    way: &Way,
) -> Box<Request<Upload>> {
    let (parts, body) = request.into_parts();
    // On the heap: it is handed from stage to stage, and a future is moved with all that it may hold.
    let mut prepared = Box::new(Request::new(match body.is_end_stream() {
        true => Upload::Empty,
        false => Upload::client(body, way.trail.clone()),
    }));
    *prepared.method_mut() = parts.method;
    *prepared.version_mut() = Version::HTTP_11;
    *prepared.headers_mut() = parts.headers;
    let headers = prepared.headers_mut();
    headers::strip_request(headers);
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        // The target's own name wins (RFC 9112, section 3.2.2).
        headers.insert(HOST, host);
    }
    if way.border && at.client.activity.has_underscores() {
        at.drop_underscored(headers, &way.cluster);
    }
    if way.border {
        let host = headers.get(HOST).cloned();
        headers::set_forwarded(headers, &at.address, at.client.secured.as_ref(), host);
    }
    headers::ensure_request_id(headers, || at.draw());
    at.trace(headers, way.trail.as_deref());
    if let Some(trail) = &way.trail {
        trail.named(headers::request_id(headers));
    }
    let path = way.path.as_deref().unwrap_or(parts.uri.path());
    let rewritten = way
        .plan()
        .and_then(|plan| plan.rewrite.apply(path, way.prefix()));
    if matches!(way.plan().map(|plan| &plan.rewrite), Some(Rewrite::Strip)) && way.prefix() > 0 {
        headers::set_prefix(headers, &path[..way.prefix()]);
    }
    let path = rewritten.or_else(|| way.path.clone());
    *prepared.uri_mut() = origin_form(parts.uri, path);
    if let Some(edits) = way.plan().and_then(|plan| plan.request.as_ref()) {
        edits.apply(prepared.headers_mut());
    }
    prepared
}

/// The target as a server expects it: path and query, with another path where there is one.
fn origin_form(uri: Uri, path: Option<String>) -> Uri {
    let target = match (path, uri.query()) {
        (None, _) if uri.authority().is_none() => return uri,
        (None, _) => Ok(uri
            .path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/"))),
        (Some(path), Some(query)) if !path.contains('?') => {
            PathAndQuery::try_from(format!("{path}?{query}"))
        }
        (Some(path), _) => PathAndQuery::try_from(path),
    };
    // What a template makes of an expression's match need not be a target.
    target.map_or_else(|_| Uri::from_static("/"), Uri::from)
}
