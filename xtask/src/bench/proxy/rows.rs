//! What is measured of the proxy, and what it should be.

use super::servers::Who;
use crate::bench::row::{Goal, Spec, spec};

const NGINX: Option<&str> = Some(Who::Nginx.name());
const HAPROXY: Option<&str> = Some(Who::Haproxy.name());
const VARNISH: Option<&str> = Some(Who::Varnish.name());
const CADDY: Option<&str> = Some(Who::Caddy.name());
const ALONE: Option<&str> = Some(Who::Ondol.name());

const COST: &str = "us of CPU per request";
const EVERYTHING: &str = "100 routes, P2C, trace, rate limit, counts, JSON log";
const MEMORY: &str = "memory of one of 10,000 idle connections";

const fn cost(
    key: &'static str,
    name: &'static str,
    most: f64,
    peer: Option<&'static str>,
) -> Spec {
    spec(key, name, COST, Goal::RatioAtMost(most), peer)
}

const fn most(key: &'static str, name: &'static str, unit: &'static str, most: f64) -> Spec {
    spec(key, name, unit, Goal::AtMost(most), None)
}

/// Rows by what their own samples are filed under; those of who stands beside it are below `KEY/NAME`.
pub(super) const ROWS: [Spec; 22] = [
    cost("small", "HTTP/1.1, 100 B", 1.05, NGINX),
    cost("small", "HTTP/1.1, 100 B", 1.05, HAPROXY),
    cost("small", "HTTP/1.1, 100 B", 0.35, CADDY),
    cost("large", "HTTP/1.1, 10 KiB", 0.95, NGINX),
    cost("features", EVERYTHING, 1.0, NGINX),
    spec(
        "watched",
        "HTTP/1.1, 100 B, counted and traced as by a node",
        COST,
        Goal::Known,
        NGINX,
    ),
    cost("tls", "TLS 1.3, kept alive", 1.0, NGINX),
    cost(
        "handshake",
        "TLS 1.3, a connection for each request",
        0.85,
        NGINX,
    ),
    cost("http2", "HTTP/2 over TLS", 0.8, NGINX),
    cost("http2", "HTTP/2 over TLS", 1.1, HAPROXY),
    cost("cache", "cache hit, 100 B", 0.6, NGINX),
    cost("cache", "cache hit, 100 B", 0.45, VARNISH),
    cost("workers", "HTTP/1.1, 100 B, two workers", 1.15, ALONE),
    most("rss_idle", "memory, nothing to do (RSS)", "MiB", 12.0),
    most(
        "rss_64",
        "memory after 64 busy connections (RSS)",
        "MiB",
        24.0,
    ),
    spec(
        "rss_connection",
        MEMORY,
        "KiB",
        Goal::RatioAtMost(1.0),
        HAPROXY,
    ),
    spec(
        "p99_half",
        "p99 at half of what HAProxy can do",
        "us",
        Goal::RatioAtMost(1.1),
        HAPROXY,
    ),
    most(
        "swaps_failed",
        "50 endpoint changes and 5 snapshots a second: failed",
        "requests",
        0.0,
    ),
    spec(
        "swaps",
        "the same: requests",
        "per second",
        Goal::RatioAtLeast(0.97),
        Some("without"),
    ),
    most(
        "visible_endpoint",
        "an endpoint change is seen, p99",
        "ms",
        20.0,
    ),
    most("visible_route", "a route change is seen, p99", "ms", 100.0),
    most(
        "upgrade",
        "another binary takes over under load: refused or cut off",
        "connections",
        0.0,
    ),
];
