//! Alerts: the machine of `ondol-alert` with a clock, a store, a disk and a network.
//!
//! [`Desk`] holds the machine. `rounds` lets time go by and does what the machine says; `deliver` brings what is to be
//! told; `kept` is the file that survives a restart; `api` answers Prometheus' and Alertmanager's questions, `why` ours.

mod api;
mod deliver;
mod desk;
mod kept;
mod queries;
mod rounds;
mod silences;
mod why;

pub(crate) use api::{answer, shown};
pub(crate) use desk::Desk;
pub(crate) use rounds::run;
