use serde::{Deserialize, Serialize};

/// Why a request or connection was not served. See [`crate::Reason`] for where its word is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No route of the edge matches host and path.
    NoRoute,
    /// The request cannot be understood: no host, or a path with `..`.
    BadRequest,
    /// The client's address is not among those that may ask.
    AddressNotAllowed,
    /// The client did not say who it is, or not in a way that is believed.
    NotAuthenticated,
    /// Who may ask is decided elsewhere, and that cannot be reached.
    AuthUnavailable,
    /// More requests than the route's limit allows.
    TooManyRequests,
    /// The client wants a stored answer only, and there is none.
    NotCached,
    /// No endpoint is ready, at once or within the time that a call between services waits.
    NoEndpoint,
    /// The route leads to a service whose port is not known.
    NoPort,
    /// Too many calls wait for an endpoint already.
    WaitQueueFull,
    /// Every endpoint that was tried refused the connection or did not answer it.
    ConnectFailed,
    /// The endpoint closed the connection before it answered.
    UpstreamClosed,
    /// The endpoint's answer broke off in the middle.
    UpstreamBroke,
    /// The source address belongs to no service that may call this one.
    CallerNotAllowed,
    /// The listener has as many connections as it may have.
    TooManyConnections,
    /// The client took too long between requests or to send the head of one.
    ClientTooSlow,
    /// The client stopped in the middle of a request's body, or took nothing of its answer.
    ClientStalled,
    /// The head of a request was malformed.
    BadHead,
    /// The head of a request was too large.
    HeadTooLarge,
    /// The body of a request was not one, or its client broke it off.
    BadBody,
    /// A connection of HTTP/2 on which more was asked, reset or opened than a client has reason to.
    Http2Abuse,
    /// A connection of HTTP/2 with frames that are not to be (RFC 9113, section 5.4.1).
    BadFrame,
    /// The connection does not begin with a PROXY header, and everybody's must there.
    NoProxyHeader,
    /// TLS could not be agreed on: another version, a name without certificate, a client without one, or no TLS.
    HandshakeFailed,
    /// As many handshakes of TLS are under way as may be.
    TooManyHandshakes,
    /// No room for another UDP client.
    TooManySessions,
    /// The service failed too often lately and is left alone for a while.
    CircuitOpen,
    /// As many requests as it may have are at the service, and the queue is full or took too long.
    ConcurrencyFull,
    /// The service answers so slowly that it is given fewer requests.
    Overloaded,
    /// The endpoint did not begin to answer in time.
    ResponseTimeout,
    /// All of the request took longer than it may.
    RequestTimeout,
    /// The endpoint stopped in the middle of its answer.
    IdleTimeout,
    /// The service answered with a status that counts as no answer.
    UpstreamFailed,
    /// The body of the request is larger than the route allows.
    BodyTooLarge,
    /// A request was not mirrored: too many copies are on their way already, or its body is too large.
    MirrorFull,
    /// The client left before the answer was complete. Its status is 499 when the answer had not begun.
    ClientGone,
}

impl Refusal {
    /// The word shown to people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Refusal::NoRoute => "no_route",
            Refusal::BadRequest => "bad_request",
            Refusal::AddressNotAllowed => "address_not_allowed",
            Refusal::NotAuthenticated => "not_authenticated",
            Refusal::AuthUnavailable => "auth_unavailable",
            Refusal::TooManyRequests => "too_many_requests",
            Refusal::NotCached => "not_cached",
            Refusal::NoEndpoint => "no_endpoint",
            Refusal::NoPort => "no_port",
            Refusal::WaitQueueFull => "wait_queue_full",
            Refusal::ConnectFailed => "connect_failed",
            Refusal::UpstreamClosed => "upstream_closed",
            Refusal::UpstreamBroke => "upstream_broke",
            Refusal::CallerNotAllowed => "caller_not_allowed",
            Refusal::TooManyConnections => "too_many_connections",
            Refusal::ClientTooSlow => "client_too_slow",
            Refusal::ClientStalled => "client_stalled",
            Refusal::BadHead => "bad_head",
            Refusal::HeadTooLarge => "head_too_large",
            Refusal::BadBody => "bad_body",
            Refusal::Http2Abuse => "http2_abuse",
            Refusal::BadFrame => "bad_frame",
            Refusal::NoProxyHeader => "no_proxy_header",
            Refusal::HandshakeFailed => "handshake_failed",
            Refusal::TooManyHandshakes => "too_many_handshakes",
            Refusal::TooManySessions => "too_many_sessions",
            Refusal::CircuitOpen => "circuit_open",
            Refusal::ConcurrencyFull => "concurrency_full",
            Refusal::Overloaded => "overloaded",
            Refusal::ResponseTimeout => "response_timeout",
            Refusal::RequestTimeout => "request_timeout",
            Refusal::IdleTimeout => "idle_timeout",
            Refusal::UpstreamFailed => "upstream_failed",
            Refusal::BodyTooLarge => "body_too_large",
            Refusal::MirrorFull => "mirror_full",
            Refusal::ClientGone => "client_gone",
        }
    }
}
