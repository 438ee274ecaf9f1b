//! The service as programs see it: a real one on a free port, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "service/alerts.rs"]
mod alerts;
#[path = "service/asking.rs"]
mod asking;
#[path = "service/beside_prometheus.rs"]
mod beside_prometheus;
#[path = "service/forward.rs"]
mod forward;
#[path = "service/forward_events.rs"]
mod forward_events;
#[path = "service/life.rs"]
mod life;
#[path = "service/loki.rs"]
mod loki;
#[path = "service/owner.rs"]
mod owner;
#[path = "service/prometheus.rs"]
mod prometheus;
#[path = "service/proxy.rs"]
mod proxy;
#[path = "service/scraping.rs"]
mod scraping;
#[path = "service/sdk.rs"]
mod sdk;
#[path = "service/traces.rs"]
mod traces;
#[path = "service/writing.rs"]
mod writing;
