//! A deterministic world to run the control core in.
//!
//! [`run`] plays seeds: each is an application ([`scenario`]), a machine that performs the core's actions with
//! delays ([`machine`]), and incidents ([`incident`]): crashes, hangs, lost words, a node that dies after any action,
//! a clock that jumps, edits and commands. After every step the oracle ([`safety`]) compares what the core did with
//! what it had been told; once the incidents stop, the application must come to rest as it is wanted ([`liveness`]).
//! A failing seed is told as the shortest story that still fails ([`story`]).

mod incident;
mod liveness;
mod load;
mod machine;
mod process;
mod report;
mod rng;
mod safety;
mod scenario;
mod story;
mod world;

pub use report::{Failure, Options, Report, run};
pub use story::{Outcome, play, retell};
