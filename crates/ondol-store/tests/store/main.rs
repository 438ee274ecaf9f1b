//! The state as its node uses it, and what is left of it after a kill, a full disk, damage and a second node.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, and so do its steps"
)]

mod faults;
mod kept;
mod killed;
mod setup;
