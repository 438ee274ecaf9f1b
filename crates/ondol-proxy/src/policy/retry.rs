use http::Method;

/// How far a request had come when its connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing of it was written.
    Unsent,
    /// Some of it may have been written; nothing of a response was read.
    Sent,
}

/// Whether a request may be sent once more after a failure.
///
/// Unsent: always. Sent: only when its method is idempotent (RFC 9110, section 9.2.2) and it has no body,
/// because a body cannot be read twice.
pub(crate) fn may_repeat(progress: Progress, repeatable: bool) -> bool {
    progress == Progress::Unsent || repeatable
}

/// Whether sending a request twice is the same as sending it once, and possible.
pub(crate) fn is_repeatable(method: &Method, has_body: bool) -> bool {
    !has_body && method.is_idempotent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idempotent_requests_without_body_are_sent_twice() {
        assert!(is_repeatable(&Method::GET, false));
        assert!(is_repeatable(&Method::DELETE, false));
        assert!(!is_repeatable(&Method::PUT, true));
        assert!(!is_repeatable(&Method::POST, false));
        assert!(may_repeat(Progress::Unsent, false));
        assert!(!may_repeat(Progress::Sent, false));
        assert!(may_repeat(Progress::Sent, true));
    }
}
