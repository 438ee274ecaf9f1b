//! The telemetry service of a node: samples and events are taken in, kept, and found again through the APIs that tools
//! already speak.
//!
//! One thread of its own with a runtime of its own, so that nothing here ever holds the node up. [`Telemetry`] is what
//! the node holds of it: a handle that never waits. What comes in by it is dropped, and counted, when it comes faster
//! than it can be kept. One HTTP server speaks all APIs on one port; each API is a folder here.
//!
//! ```text
//! node ----Telemetry----> intake ---.
//! /metrics of replicas -> scrape ---+--> stores (ondol-telemetry) <---- upkeep, each second
//! pushed by HTTP -------> server ---'         ^
//! asked by HTTP --------> server -> router -> prometheus | loki | jaeger | zipkin | otlp | alerts
//! ```
//!
//! Questions run on threads of their own and hold an engine only while they take what their answer stands on.

mod alerts;
mod allocator;
mod client;
mod clock;
mod figure;
mod forward;
mod host;
mod ingest;
mod intake;
mod jaeger;
mod last_end;
mod live;
mod loki;
mod otlp;
mod own;
mod owner;
mod prometheus;
mod proxy;
mod router;
mod scrape;
mod server;
mod shared;
mod stores;
mod telemetry;
mod traces;
mod upkeep;
mod zipkin;

pub use client::{Client, ClientError};
pub use forward::Forward;
pub use intake::{Dropped, OwnedEvent};
pub use scrape::{Dial, Dialing, Scrape};
pub use stores::{OpenError, Settings};
pub use telemetry::{Running, Telemetry};
