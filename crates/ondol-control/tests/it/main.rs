//! The control core by examples: a script of events goes in, the log of actions is compared with a snapshot.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::too_many_lines, reason = "snapshots are as long as they are")]

mod script;
mod sequences;

mod life;
mod memory;
mod node;
mod pre_start;
mod replace;
mod scale;
mod start;
