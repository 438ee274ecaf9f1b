use std::net::IpAddr;

use http::header::{
    CONNECTION, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};

use super::deadline::TIMEOUT_MS;
use super::mirror::MIRRORED;
use crate::policy::trace::digits;
use crate::welcome::Secured;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Who a client's certificate says that it is.
const CLIENT_SUBJECT: HeaderName = HeaderName::from_static("x-client-subject");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// What is meant for the next hop only (RFC 9110, section 7.6.1).
static HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a client may say about who it is, and nobody may believe.
static CLAIMS: [HeaderName; 8] = [
    FORWARDED,
    FORWARDED_PORT,
    FORWARDED_PREFIX,
    REAL_IP,
    CLIENT_SUBJECT,
    TIMEOUT_MS,
    MIRRORED,
    super::pass::USER,
];

/// Headers that `Connection` may not name away: the other side would understand another request.
static KEPT: [HeaderName; 6] = [
    HOST,
    http::header::AUTHORIZATION,
    http::header::COOKIE,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_TYPE,
    http::header::CONTENT_ENCODING,
];

/// The protocol that a request (or a 101) wants to switch to. `h2c` is not among them: it is simply not taken up
/// (RFC 9110, section 7.8).
pub(super) fn wanted_switch(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let asks = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .any(|token| token.eq_ignore_ascii_case(b"upgrade"));
    (asks && !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")).then(|| protocol.clone())
}

/// Whether it is a call of gRPC, which is HTTP/2 on every hop.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| {
        let rest = kind.as_bytes().strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    })
}

/// Whether it is the `Accept` of who waits for events, of which the first may take long (HTML, section 9.2).
pub(super) fn wants_events(accept: &[u8]) -> bool {
    accept.starts_with(b"text/event-stream")
}

/// Removes what is meant for the next hop only, and what `Connection` names besides.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.get_all(CONNECTION).iter().all(is_plain) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(tokens)
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .filter(|name| !KEPT.contains(name) && *name != TE)
            .collect();
        remove(headers, &named);
    }
    remove(headers, &HOP_BY_HOP);
}

/// Most messages have none of them: one look at what is there is cheaper than a search for each.
fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    if headers.keys().any(|name| names.contains(name)) {
        for name in names {
            headers.remove(name);
        }
    }
}

/// Removes headers whose name has `_`.
pub(super) fn drop_underscored(headers: &mut HeaderMap) {
    let named = headers.keys().filter(|name| name.as_str().contains('_'));
    let named: Vec<_> = named.cloned().collect();
    for name in named {
        headers.remove(name);
    }
}

/// Most requests have none of them: one look at their names is cheaper than a search for each of these.
fn is_for_next_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || *name == EXPECT || *name == TE
}

/// The same for a request. `100-continue` is answered here, as soon as the endpoint takes the body.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    if !headers.keys().any(is_for_next_hop) {
        return;
    }
    strip_hop_by_hop(headers);
    headers.remove(EXPECT);
    let trailers =
        |value: &HeaderValue| tokens(value).any(|token| token.eq_ignore_ascii_case(b"trailers"));
    match headers.remove(TE) {
        Some(value) if trailers(&value) => {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
        _ => {}
    }
}

/// Says who really asked, and forgets what the client says about it.
pub(super) fn set_forwarded(
    headers: &mut HeaderMap,
    client: &HeaderValue,
    secured: Option<&Secured>,
    host: Option<HeaderValue>,
) {
    remove(headers, &CLAIMS);
    headers.insert(FORWARDED_FOR, client.clone());
    let scheme = if secured.is_some() { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(subject) = secured.and_then(|secured| secured.subject.as_deref().cloned()) {
        headers.insert(CLIENT_SUBJECT, subject);
    }
    match host {
        Some(host) => headers.insert(FORWARDED_HOST, host),
        None => headers.remove(FORWARDED_HOST),
    };
}

/// The prefix that was stripped, from which the service can make absolute links.
pub(super) fn set_prefix(headers: &mut HeaderMap, prefix: &str) {
    if let Ok(prefix) = HeaderValue::from_str(prefix) {
        headers.insert(FORWARDED_PREFIX, prefix);
    }
}

/// Names the request by a number drawn for it, unless it has a name already.
pub(super) fn ensure_request_id(headers: &mut HeaderMap, draw: impl FnOnce() -> u128) {
    let has_one = headers.get(REQUEST_ID);
    if has_one.is_some_and(|id| fits_as_id(id.as_bytes())) {
        return;
    }
    if let Ok(id) = HeaderValue::from_bytes(&digits::<32>(draw())) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The name that a request has.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(REQUEST_ID)
}

/// Whether a client may have named its request so.
pub(super) fn fits_as_id(id: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

pub(super) fn address_value(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// The two values that nearly every client sends.
fn is_plain(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.eq_ignore_ascii_case(b"keep-alive") || bytes.eq_ignore_ascii_case(b"close")
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .map(|token| token.trim_ascii())
}

/// What a test of another way to pass requests on wants to know.
#[cfg(test)]
pub(super) fn claims() -> &'static [HeaderName] {
    &CLAIMS
}

#[cfg(test)]
pub(super) fn hop_by_hop() -> &'static [HeaderName] {
    &HOP_BY_HOP
}
