//! Byte strings that grow a little now and then, thousands at once: chains of small pieces in large slabs.

/// Bytes of a piece; the last four lead to the next.
const PIECE_BYTES: usize = 64;
const ROOM: usize = PIECE_BYTES - 4;
const SLAB_PIECES: usize = 1024;
const NONE: u32 = u32::MAX;

/// A byte string in an [`Arena`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    head: u32,
    tail: u32,
    /// Bytes in the last piece.
    filled: u8,
}

impl Default for Chain {
    fn default() -> Self {
        Chain {
            head: NONE,
            tail: NONE,
            filled: 0,
        }
    }
}

type Slab = Box<[[u8; PIECE_BYTES]; SLAB_PIECES]>;

#[derive(Default)]
pub(super) struct Arena {
    slabs: Vec<Slab>,
    used: u32,
}

impl Arena {
    pub(super) fn append(&mut self, chain: &mut Chain, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if chain.tail == NONE || usize::from(chain.filled) == ROOM {
                let new = self.add();
                match chain.tail {
                    NONE => chain.head = new,
                    tail => {
                        if let Some(link) =
                            self.piece_mut(tail).and_then(|p| p.last_chunk_mut::<4>())
                        {
                            *link = new.to_le_bytes();
                        }
                    }
                }
                chain.tail = new;
                chain.filled = 0;
            }
            let filled = usize::from(chain.filled);
            let (now, later) = bytes.split_at(bytes.len().min(ROOM - filled));
            let piece = self.piece_mut(chain.tail);
            if let Some(room) = piece.and_then(|piece| piece.get_mut(filled..filled + now.len())) {
                room.copy_from_slice(now);
            }
            chain.filled += now.len() as u8;
            bytes = later;
        }
    }

    /// Appends the whole string to `into`.
    pub(super) fn read(&self, chain: Chain, into: &mut Vec<u8>) {
        let mut at = chain.head;
        while let Some(piece) = self.piece(at) {
            let is_last = at == chain.tail;
            let end = if is_last {
                usize::from(chain.filled)
            } else {
                ROOM
            };
            into.extend_from_slice(piece.get(..end).unwrap_or_default());
            if is_last {
                return;
            }
            at = piece
                .last_chunk::<4>()
                .map_or(NONE, |link| u32::from_le_bytes(*link));
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.used as usize * PIECE_BYTES
    }

    fn add(&mut self) -> u32 {
        let new = self.used;
        if new as usize == self.slabs.len() * SLAB_PIECES {
            let slab = vec![[0; PIECE_BYTES]; SLAB_PIECES].into_boxed_slice();
            self.slabs.extend(Slab::try_from(slab));
        }
        self.used += 1;
        new
    }

    fn piece(&self, at: u32) -> Option<&[u8; PIECE_BYTES]> {
        let at = at as usize;
        self.slabs.get(at / SLAB_PIECES)?.get(at % SLAB_PIECES)
    }

    fn piece_mut(&mut self, at: u32) -> Option<&mut [u8; PIECE_BYTES]> {
        let at = at as usize;
        self.slabs
            .get_mut(at / SLAB_PIECES)?
            .get_mut(at % SLAB_PIECES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::Dice;

    #[test]
    fn strings_that_grow_side_by_side_stay_apart() {
        let (mut arena, mut dice) = (Arena::default(), Dice(5));
        let mut chains = vec![(Chain::default(), Vec::new()); 300];
        for step in 0..20_000_u64 {
            let (chain, expected) = &mut chains[dice.below(300) as usize];
            let bytes = step.to_le_bytes().repeat(1 + dice.below(20) as usize);
            arena.append(chain, &bytes);
            expected.extend_from_slice(&bytes);
        }
        for (chain, expected) in chains {
            let mut read = Vec::new();
            arena.read(chain, &mut read);
            assert_eq!(read, expected);
        }
    }
}
