use std::cell::Cell;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Handshakes of TLS that may be under way at one worker. Each takes some tens of kilobytes.
const HANDSHAKES_MAX: u32 = 1024;

/// The handshakes that a worker has under way.
pub(crate) struct Handshakes {
    open: Cell<u32>,
    turns: Semaphore,
}

/// A handshake, until it is dropped.
pub(crate) struct Place<'a>(&'a Cell<u32>);

impl Default for Handshakes {
    fn default() -> Self {
        Handshakes {
            open: Cell::new(0),
            turns: Semaphore::new(1),
        }
    }
}

impl Handshakes {
    /// `None` when there are too many.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let open = self.open.get();
        (open < HANDSHAKES_MAX).then(|| {
            self.open.set(open + 1);
            Place(&self.open)
        })
    }

    /// Waits for the right to do the part that costs; it is for one at a time, in the order in which they came.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turns.acquire().await.ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_a_place_that_is_left_is_free() {
        let handshakes = Handshakes::default();
        let mut places: Vec<_> = (0..HANDSHAKES_MAX)
            .map(|_| handshakes.enter().unwrap())
            .collect();
        assert!(handshakes.enter().is_none());
        places.pop();
        assert!(handshakes.enter().is_some());
    }
}
