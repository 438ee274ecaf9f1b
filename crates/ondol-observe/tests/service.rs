//! The service as programs see it: a real one on a free port, asked over HTTP.

#[path = "service/asking.rs"]
mod asking;
#[path = "service/life.rs"]
mod life;
#[path = "service/loki.rs"]
mod loki;
#[path = "service/prometheus.rs"]
mod prometheus;
#[path = "service/proxy.rs"]
mod proxy;
#[path = "service/traces.rs"]
mod traces;
