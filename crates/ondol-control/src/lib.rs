//! The control core: what is wanted and what was seen go in, what to do comes out, and every decision has a reason.
//!
//! Pure: no clock, file, socket, thread or randomness. `now` is the last argument; maps are ordered;
//! the same events give the same actions.
//!
//! One file per sub-machine; [`Control`] only dispatches. A pass over a project ([`project`]) is level-triggered:
//! observations write down what was seen, then every service is compared with what is wanted ([`reconcile`],
//! [`replace`]), its endpoints are published ([`endpoints`]) and each replica takes the steps that are due
//! ([`replica`], [`drain`]), until nothing changes any more.

mod action;
mod adopt;
mod backoff;
mod checks;
mod clock;
mod command;
mod control;
mod depend;
mod drain;
mod endpoints;
mod event;
mod initiate;
mod job;
mod memory;
mod place;
mod prepare;
mod probe;
mod project;
mod reconcile;
mod replace;
mod replica;
mod running;
mod scale;
mod service;
mod span;
mod target;
mod turn;
mod view;

pub use action::{Action, Hooked, Note, NoteKind};
pub use control::Control;
pub use event::{Command, Event, Wish};
pub use memory::{Memory, Refused};
pub use place::{Fleet, Machine, Shortage};
pub use scale::{ScaleDecision, ScaleFigure, ScalingView};
pub use view::{ProbeView, ProjectView, ReplicaView, ServicePhase, ServiceView, View};
