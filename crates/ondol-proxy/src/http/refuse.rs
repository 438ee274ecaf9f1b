use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::body::{Busy, Download};
use crate::Refusal;

/// Why an answer is not the service's own.
pub(super) const REASON: HeaderName = HeaderName::from_static("x-ondol-reason");

/// The answer to a request that is not served: a status, the reason as a word for machines and a sentence for people.
pub(super) fn refuse(refusal: Refusal, sentence: String, busy: Busy) -> Response<Download> {
    busy.because(refusal);
    let status = status(refusal);
    let text = Bytes::from(format!("{} {sentence}\n", status.as_u16()));
    let mut response = Response::new(Download::text(text, busy));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REASON, HeaderValue::from_static(refusal.word()));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::NoRoute => StatusCode::NOT_FOUND,
        Refusal::BadRequest
        | Refusal::BadHead
        | Refusal::BadBody
        | Refusal::ClientGone
        | Refusal::BadFrame
        | Refusal::NoProxyHeader
        | Refusal::HandshakeFailed
        | Refusal::Http2Abuse => StatusCode::BAD_REQUEST,
        Refusal::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refusal::ClientTooSlow | Refusal::ClientStalled => StatusCode::REQUEST_TIMEOUT,
        Refusal::CallerNotAllowed | Refusal::AddressNotAllowed => StatusCode::FORBIDDEN,
        Refusal::NotAuthenticated => StatusCode::UNAUTHORIZED,
        Refusal::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::ConnectFailed
        | Refusal::UpstreamClosed
        | Refusal::UpstreamBroke
        | Refusal::UpstreamFailed => StatusCode::BAD_GATEWAY,
        Refusal::ResponseTimeout
        | Refusal::RequestTimeout
        | Refusal::IdleTimeout
        | Refusal::NotCached => StatusCode::GATEWAY_TIMEOUT,
        Refusal::AuthUnavailable
        | Refusal::NoEndpoint
        | Refusal::NoPort
        | Refusal::WaitQueueFull
        | Refusal::TooManyConnections
        | Refusal::TooManyHandshakes
        | Refusal::TooManySessions
        | Refusal::CircuitOpen
        | Refusal::ConcurrencyFull
        | Refusal::Overloaded
        | Refusal::MirrorFull => StatusCode::SERVICE_UNAVAILABLE,
    }
}
