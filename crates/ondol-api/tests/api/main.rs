//! The API in front of a node that is played by the test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and so do its steps"
)]

mod contract;
mod node;
mod refused;
mod routes;
mod streams;
