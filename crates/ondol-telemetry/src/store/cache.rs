//! Blocks that were read lately, up to a number of bytes that we choose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Segment and offset.
type Key = (u64, u64);

/// Shared by all readers of an engine.
pub(crate) struct Cache {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    blocks: BTreeMap<Key, (u64, Arc<[u8]>)>,
    /// By when they were used last.
    used: BTreeMap<u64, Key>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Cache {
            bytes_max,
            held: Mutex::default(),
        }
    }

    /// The block from here, or from `read`. Nobody waits while it is read.
    pub(crate) fn get<E>(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Arc<[u8]>, E>,
    ) -> Result<Arc<[u8]>, E> {
        if let Some(block) = self.lock().touch(key) {
            return Ok(block);
        }
        let block = read()?;
        let mut held = self.lock();
        // More than half of the room is not given to one block.
        if block.len() <= self.bytes_max / 2 {
            held.put(key, block.clone());
            while held.bytes > self.bytes_max && held.drop_oldest() {}
        }
        Ok(block)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn touch(&mut self, key: Key) -> Option<Arc<[u8]>> {
        let (used, block) = self.blocks.get_mut(&key)?;
        self.used.remove(used);
        self.clock += 1;
        *used = self.clock;
        let block = block.clone();
        self.used.insert(self.clock, key);
        Some(block)
    }

    fn put(&mut self, key: Key, block: Arc<[u8]>) {
        if self.touch(key).is_some() {
            return;
        }
        self.clock += 1;
        self.bytes += block.len();
        self.used.insert(self.clock, key);
        self.blocks.insert(key, (self.clock, block));
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, key)) = self.used.pop_first() else {
            return false;
        };
        if let Some((_, block)) = self.blocks.remove(&key) {
            self.bytes -= block.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_bytes_stay_bounded() {
        let cache = Cache::new(40);
        let reads = std::cell::Cell::new(0);
        let get = |key| {
            let read = || {
                reads.set(reads.get() + 1);
                Ok::<Arc<[u8]>, ()>([0; 10].into())
            };
            cache.get((0, key), read).unwrap();
        };
        (0..4).for_each(get);
        get(0);
        get(4); // 1 has to go
        assert_eq!((reads.get(), cache.lock().bytes), (5, 40));
        get(0);
        assert_eq!(reads.get(), 5);
        get(1);
        assert_eq!(reads.get(), 6);
    }
}
