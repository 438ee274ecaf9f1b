use std::collections::BTreeMap;

use ondol_model::{Breaker, ListenerId, ReplicaId, RunId, ServiceRef};
use serde::{Deserialize, Serialize};

use crate::policy::breaker::Stand;

/// Why a request or connection was not served. The word is the value of the `x-ondol-reason` header.
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
        }
    }
}

/// What the proxy has done since it started; counters only grow, and begin at 0 with each proxy process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The proxy's process id.
    pub pid: u32,
    /// [`ondol_model::Snapshot::version`] in use.
    pub snapshot: u64,
    /// By listener, in order of id.
    pub listeners: Vec<ListenerStatus>,
    /// By service, in order of name.
    pub services: Vec<ServiceStatus>,
    /// The circuits that are not closed.
    #[serde(default)]
    pub circuits: Vec<CircuitStatus>,
    /// Stored answers.
    #[serde(default)]
    pub cache: CacheStatus,
    /// Clients that a rate limit forgot too early, because there were more than it remembers.
    #[serde(default)]
    pub limited_forgotten: u64,
}

/// Stored answers of all routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatus {
    /// Memory that they take, in bytes.
    pub bytes: u64,
    /// Requests that a stored answer was given to.
    pub hits: u64,
    /// The same with one that was too old, while a newer one was fetched.
    pub stale: u64,
    /// Requests that went to a service.
    pub misses: u64,
    /// Answers that were stored.
    pub stored: u64,
    /// Answers that somebody wanted forgotten.
    pub purged: u64,
}

/// Which stored answers to forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// All.
    All,
    /// Those of an address: `http://host:port/path?query`, where scheme, port and case make no difference; of any
    /// host or query where it names none.
    Address(String),
    /// Those that the service gave this name in `Surrogate-Key` or `Cache-Tag`.
    Tag(String),
}

/// A circuit that is not closed: requests are stopped because too many of them failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitStatus {
    /// The service.
    pub service: ServiceRef,
    /// The start of a replica, when it is the circuit of one endpoint.
    pub run: Option<RunId>,
    /// The pause is over and some requests are let through to see whether it works again.
    pub half_open: bool,
    /// What was seen, for people: `5 of 8 requests failed within 10 s`.
    pub reason: String,
}

impl CircuitStatus {
    /// `None` when it is closed.
    pub(crate) fn of(
        service: &ServiceRef,
        run: Option<RunId>,
        rule: &Breaker,
        stand: Stand,
    ) -> Option<Self> {
        let (half_open, tripped) = match stand {
            Stand::Closed => return None,
            Stand::Open { tripped, .. } => (false, tripped),
            Stand::HalfOpen { tripped } => (true, tripped),
        };
        let (bad, all, span) = (tripped.bad, tripped.all(), rule.window.as_secs_f64());
        Some(CircuitStatus {
            service: service.clone(),
            run,
            half_open,
            reason: format!("{bad} of {all} requests failed within {span} s"),
        })
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// The listener.
    pub id: ListenerId,
    /// Connections ever accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Refused here, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service.
    pub service: ServiceRef,
    /// Refused on the way to it, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Requests that wait for a ready endpoint now.
    pub waiting: u64,
    /// Its endpoints, also those that left the table and still have requests in flight.
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The replica.
    pub replica: ReplicaId,
    /// Which start of it.
    pub run: RunId,
    /// Requests and TCP connections ever sent to it.
    pub requests: u64,
    /// Those that it did not answer, or answered with a status of 500 or above.
    pub errors: u64,
    /// Requests and TCP connections open now.
    pub in_flight: u64,
    /// Bytes of bodies and tunnels to it.
    pub bytes_in: u64,
    /// Bytes of bodies and tunnels from it.
    pub bytes_out: u64,
    /// Peak EWMA of the time to its response heads, in milliseconds: the highest of all workers.
    pub latency_ms: f64,
    /// It refused a connection a moment ago and is avoided.
    pub ejected: bool,
}
