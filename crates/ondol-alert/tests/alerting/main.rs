//! Alerting as a whole: rule files, what becomes of alerts, who is told, restarts, and the shapes of others.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod lifecycle;
mod restart;
mod rule_files;
mod sequences;
mod shapes;
mod story;
mod told;
