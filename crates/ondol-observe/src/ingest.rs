//! What others send by HTTP: decoded beside everything else, and kept before it is answered.

mod lines;
mod series;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::shared::Shared;

pub(crate) use lines::events;
pub(crate) use series::keep;

/// The largest body, before and after it is unpacked.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// Bodies that are decoded at the same time; the others wait, in their sockets.
const AT_ONCE: usize = 2;

/// Whose turn it is.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Turns(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Does work on a thread of its own; `None` when the service is leaving.
pub(crate) async fn beside<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&Shared) -> T + Send + 'static,
) -> Option<T> {
    let turn = shared.turns.0.clone().acquire_owned().await;
    let shared = shared.clone();
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work(&shared)
    });
    done.await.ok()
}
