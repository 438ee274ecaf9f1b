//! One worker: a thread, its runtime, and everything that it alone owns.

mod accept;
mod clients;
mod crew;
mod handshakes;
mod report;
mod serving;
mod shard;
mod waits;

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::limits::Limits;
pub(crate) use accept::Arrival;
pub(crate) use clients::Client;
pub(crate) use crew::{Crew, Order, Permit};
pub(crate) use report::{Report, merge_status};
pub(crate) use serving::{Destination, RouteWay, Serving, Target};
pub(crate) use shard::Shard;
pub(crate) use waits::Waiting;

/// Obeys orders until it is told to quit and its clients are done.
pub(crate) fn run(
    index: usize,
    crew: Arc<Crew>,
    inbox: mpsc::UnboundedReceiver<Order>,
    limits: Limits,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async { Shard::new(index, crew, limits).obey(inbox).await });
    // Tunnels and requests that did not finish in time end here.
    Ok(())
}
