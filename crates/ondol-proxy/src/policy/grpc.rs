//! What became of a call of gRPC, which its status of HTTP does not say.

use http::{HeaderMap, HeaderName};

/// Among the trailers, or in the head of an answer that has no body (PROTOCOL-HTTP2, "Responses").
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The status of a call, as far as these headers or trailers have one.
pub(crate) fn status(headers: &HeaderMap) -> Option<u8> {
    headers.get(STATUS)?.to_str().ok()?.parse().ok()
}

/// The status that a server of HTTP would have answered with (`google.rpc.Code`), so that what is a failure is the same
/// for both: as Envoy and OpenTelemetry see it too, the service is to blame for those from 500 on.
pub(crate) fn http_status(status: u8) -> u16 {
    match status {
        0 => 200,
        // CANCELLED
        1 => 499,
        // INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE
        3 | 9 | 11 => 400,
        // DEADLINE_EXCEEDED
        4 => 504,
        // NOT_FOUND
        5 => 404,
        // ALREADY_EXISTS, ABORTED
        6 | 10 => 409,
        // PERMISSION_DENIED
        7 => 403,
        // RESOURCE_EXHAUSTED
        8 => 429,
        // UNIMPLEMENTED
        12 => 501,
        // UNAVAILABLE
        14 => 503,
        // UNAUTHENTICATED
        16 => 401,
        // UNKNOWN, INTERNAL, DATA_LOSS, and what there is no name for.
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_service_that_cannot_fails_and_one_that_says_no_does_not() {
        let is_failure = |status: &u8| http_status(*status) >= 500;
        let failures: Vec<u8> = (0..=16).filter(is_failure).collect();
        assert_eq!(failures, [2, 4, 12, 13, 14, 15]);
    }

    #[test]
    fn a_status_is_a_number() {
        let said = |text: &'static str| {
            let said = HeaderValue::from_static(text);
            status(&HeaderMap::from_iter([(STATUS, said)]))
        };
        assert_eq!((said("0"), said("14")), (Some(0), Some(14)));
        for text in ["", "-1", "UNAVAILABLE", "1000"] {
            assert_eq!(said(text), None);
        }
        assert_eq!(status(&HeaderMap::new()), None);
    }
}
