//! The proxy as a process, seen from both sides: real sockets on loopback, a real link to it.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be made has failed"
)]

mod balance;
mod client;
mod control;
mod doors;
mod edge;
mod expired;
mod faults;
mod frames;
mod guard;
mod hostile;
mod http2;
mod kept;
mod patience;
mod resilience;
mod rig;
mod routing;
mod service;
mod short_way;
mod signals;
mod smuggling;
mod streaming;
mod tcp;
mod tls;
mod tool;
mod upgrade;
