use http::Method;

/// How often a request may reach a service. Twice, so that a killed replica costs nothing; not more, because the
/// request itself may be what kills it.
const TIMES_SENT_MAX: u32 = 2;

/// Whether sending a request twice is the same as sending it once (RFC 9110, section 9.2.2), and possible:
/// a body cannot be read twice. A request of which nothing was written may always be sent.
pub(crate) fn is_repeatable(method: &Method, has_body: bool) -> bool {
    !has_body && method.is_idempotent()
}

/// Whether a repeatable request that was sent `times` and never answered may be sent once more.
pub(crate) fn may_repeat(times: u32) -> bool {
    times < TIMES_SENT_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idempotent_requests_without_body_are_sent_twice_and_not_more_often() {
        assert!(is_repeatable(&Method::GET, false));
        assert!(is_repeatable(&Method::DELETE, false));
        assert!(!is_repeatable(&Method::PUT, true));
        assert!(!is_repeatable(&Method::POST, false));
        assert!(may_repeat(1));
        assert!(!may_repeat(2));
    }
}
