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

/// Whatever version the client speaks, what comes out is in the form of HTTP/1.1: an origin-form target and a `Host`.
pub(super) fn prepare(at: &Exchange, request: Request<Incoming>, way: &Way) -> Request<Upload> {
    let (parts, body) = request.into_parts();
    let mut prepared = Request::new(match body.is_end_stream() {
        true => Upload::Empty,
        false => Upload::Client(body, None),
    });
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
    if way.border {
        let host = headers.get(HOST).cloned();
        headers::set_forwarded(headers, &at.address, at.client.secured.as_ref(), host);
    }
    if way.strip > 0 {
        headers::set_prefix(headers, &parts.uri.path()[..way.strip]);
    }
    headers::ensure_request_id(headers, || at.draw());
    *prepared.uri_mut() = origin_form(parts.uri, way.strip);
    prepared
}

/// The target as a server expects it: path and query, without the first `strip` bytes.
fn origin_form(uri: Uri, strip: usize) -> Uri {
    if strip == 0 && uri.authority().is_none() {
        return uri;
    }
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.get(strip..).unwrap_or("/");
    let target = match rest.starts_with('/') {
        true => PathAndQuery::try_from(rest),
        false => PathAndQuery::try_from(format!("/{rest}")),
    };
    // A part of a valid target is valid.
    target.map_or_else(|_| Uri::from_static("/"), Uri::from)
}
