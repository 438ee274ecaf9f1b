use std::time::Duration;

/// Everything that is bounded, in one place. None of it depends on what a peer says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Open connections of one listener, all workers together.
    pub connections_per_listener_max: u32,
    /// Request line and headers of one request, in bytes.
    pub head_bytes_max: usize,
    /// Headers of one request or response.
    pub headers_max: usize,
    /// From the first byte of a request to the end of its headers.
    pub head_time_max: Duration,
    /// How long a client may take between two pieces of a request's body, or to take any of an answer that waits.
    pub stall_time_max: Duration,
    /// Between two requests of one client connection.
    pub idle_time_max: Duration,
    /// How long a kept-alive connection of a closed listener may wait for the request that is told `Connection: close`.
    pub closing_idle_time_max: Duration,
    /// Until an upstream accepts a connection.
    pub connect_time_max: Duration,
    /// From the end of a request to the head of its answer, where the service's file says nothing: about, to a second.
    pub response_time_max: Duration,
    /// How long a client is waited for before an endpoint is asked whether it speaks first.
    pub first_byte_wait: Duration,
    /// How long a call to a service without a ready endpoint waits for one.
    pub endpoint_wait_max: Duration,
    /// Calls that wait so, per service and worker.
    pub waiting_max: u32,
    /// Endpoints tried for one request.
    pub attempts_max: u32,
    /// How long an endpoint that refused a connection is not picked while there are others.
    pub ejection: Duration,
    /// Idle upstream connections kept per address and worker.
    pub pool_idle_max: usize,
    /// How long an upstream connection may be idle and still be used. Below the 5 s after which Node.js closes.
    pub pool_idle_time_max: Duration,
    /// The same for a request that may not be sent twice.
    pub pool_idle_time_unrepeatable_max: Duration,
    /// Age at which an upstream connection is no longer used.
    pub pool_age_max: Duration,
    /// How long a connection of HTTP/2 to an endpoint may be without a request.
    pub pool_shared_idle_time_max: Duration,
    /// Requests at once on one connection of HTTP/2, on both sides.
    pub streams_per_connection_max: u32,
    /// UDP clients remembered per listener.
    pub udp_sessions_max: usize,
    /// The same of one address: it must not take the places of all others.
    pub udp_sessions_per_client_max: usize,
    /// How long a silent UDP client is remembered.
    pub udp_idle_max: Duration,
    /// Stored answers of all routes together, in bytes. Only what is stored takes memory.
    pub cache_bytes_max: u64,
    /// How long a proxy that was asked to stop lets requests finish.
    pub quit_time_max: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Limits = Limits {
        connections_per_listener_max: 16_384,
        head_bytes_max: 64 << 10,
        headers_max: 100,
        head_time_max: Duration::from_secs(15),
        stall_time_max: Duration::from_secs(30),
        idle_time_max: Duration::from_secs(75),
        closing_idle_time_max: Duration::from_secs(5),
        connect_time_max: Duration::from_secs(3),
        response_time_max: Duration::from_secs(60),
        first_byte_wait: Duration::from_millis(50),
        endpoint_wait_max: Duration::from_secs(5),
        waiting_max: 1024,
        attempts_max: 4,
        ejection: Duration::from_secs(1),
        pool_idle_max: 128,
        pool_idle_time_max: Duration::from_secs(4),
        pool_idle_time_unrepeatable_max: Duration::from_secs(1),
        pool_age_max: Duration::from_secs(600),
        pool_shared_idle_time_max: Duration::from_secs(60),
        streams_per_connection_max: 100,
        udp_sessions_max: 4096,
        udp_sessions_per_client_max: 512,
        udp_idle_max: Duration::from_secs(60),
        cache_bytes_max: 32 << 20,
        quit_time_max: Duration::from_secs(10),
    };
}
