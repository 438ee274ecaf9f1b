//! What is noted of requests, and how the node hears of it.
//!
//! A [`Trail`] goes with each request through all stages and is told what becomes of it. When the request is over, the
//! worker's [`Recorder`] counts it, and keeps a record of it where it is worth one. Once a second the control thread
//! collects what all workers have and tells the node in [`Reports`]; what nobody takes is counted.

mod line;
mod log;
mod record;
mod recorder;
mod reports;
#[cfg(test)]
mod tests;
mod trail;

pub(crate) use log::LogWriter;
pub(crate) use recorder::{Gathered, Recorder};
pub(crate) use reports::Reports;
pub(crate) use trail::{Trail, Wrote};
