//! The control core: what is wanted and what was seen go in, what to do comes out, and every decision has a reason.
//!
//! Pure: no clock, file, socket, thread or randomness. `now` is the last argument; maps are ordered;
//! the same events give the same actions.

mod action;
mod event;

pub use action::{Action, Hooked, Note, NoteKind};
pub use event::{Command, Event, Wish};
