//! Bodies on their way: to endpoints, and to clients.

mod download;
mod upload;

pub(crate) use download::{Busy, Download, Timer};
pub(crate) use upload::{Sent, Upload};
