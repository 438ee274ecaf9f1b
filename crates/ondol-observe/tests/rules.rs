//! Rules over series: what `promtool` says of the same file and series, and each shipped rule.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "rules/promtool.rs"]
mod promtool;
#[path = "rules/shipped.rs"]
mod shipped;
#[path = "rules/world.rs"]
mod world;
