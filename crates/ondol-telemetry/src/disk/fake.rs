//! A folder that dies when it is told to: killed processes, power cuts, full disks, flipped bits.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

/// Numbers that look random and are the same each time.
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Default)]
struct World {
    /// By number, as a file system keeps them.
    contents: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    made: u64,
    /// How many calls changed something.
    changes: u64,
    /// Before this change the process dies.
    dies_at: Option<u64>,
    capacity: Option<u64>,
}

impl World {
    fn change(&mut self) -> io::Result<()> {
        if self.dies_at.is_some_and(|at| self.changes >= at) {
            return Err(io::Error::other("killed"));
        }
        self.changes += 1;
        Ok(())
    }

    fn used(&self) -> u64 {
        self.contents.values().map(|c| c.bytes.len() as u64).sum()
    }
}

/// Clones are the same folder.
#[derive(Clone, Default)]
pub(crate) struct FakeDisk(Arc<Mutex<World>>);

impl FakeDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changes(&self) -> u64 {
        self.world().changes
    }

    /// Before the `count`-th change from now the process dies: from there on nothing works.
    pub(crate) fn die_after(&self, count: u64) {
        let mut world = self.world();
        world.dies_at = Some(world.changes + count);
    }

    /// So many bytes fit.
    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// The process was killed; all it wrote is still there.
    pub(crate) fn restart(&self) {
        self.world().dies_at = None;
    }

    /// The power was cut: of what was not synchronised any part may be there, and its end may be rubbish.
    pub(crate) fn cut_power(&self, dice: &mut Dice) {
        let mut world = self.world();
        world.dies_at = None;
        // A name that was not synchronised may have made it or not.
        let mut names = world.synced_names.clone();
        for (name, number) in &world.names {
            if dice.below(2) == 0 {
                names.insert(name.clone(), *number);
            }
        }
        names.retain(|name, _| world.names.contains_key(name) || dice.below(2) == 0);
        world.names.clone_from(&names);
        world.synced_names = names;
        for content in world.contents.values_mut() {
            let unsynced = content.bytes.len().saturating_sub(content.synced.len()) as u64;
            let kept = content.synced.len() + dice.below(unsynced + 1) as usize;
            let mut bytes = content.synced.clone();
            if content.bytes.len() > bytes.len() {
                bytes.extend_from_slice(&content.bytes[bytes.len()..kept]);
                if kept > content.synced.len() && dice.below(2) == 0 {
                    let end = bytes.len() - 1;
                    bytes[end] ^= 0x55;
                }
            }
            content.bytes.clone_from(&bytes);
            content.synced = bytes;
        }
    }

    /// Flips one bit of a file; says whether there was one to flip.
    pub(crate) fn flip_bit(&self, name: &str, dice: &mut Dice) -> bool {
        let mut world = self.world();
        let Some(number) = world.names.get(name).copied() else {
            return false;
        };
        let Some(content) = world.contents.get_mut(&number) else {
            return false;
        };
        if content.bytes.is_empty() {
            return false;
        }
        let at = dice.below(content.bytes.len() as u64) as usize;
        content.bytes[at] ^= 1 << dice.below(8);
        true
    }
}

impl Disk for FakeDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.change()?;
        world.made += 1;
        let number = world.made;
        world.contents.insert(number, Content::default());
        world.names.insert(name.to_owned(), number);
        Ok(Box::new(FakeFile {
            disk: self.clone(),
            number,
        }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let number = self.world().names.get(name).copied();
        let number = number.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(FakeFile {
            disk: self.clone(),
            number,
        }))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let world = self.world();
        let len = |number| {
            world
                .contents
                .get(number)
                .map_or(0, |c| c.bytes.len() as u64)
        };
        Ok(world
            .names
            .iter()
            .map(|(name, number)| (name.clone(), len(number)))
            .collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.change()?;
        let number = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.change()?;
        world
            .names
            .remove(name)
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world();
        world.change()?;
        world.synced_names = world.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let world = self.world();
        Ok(world
            .capacity
            .map_or(u64::MAX, |all| all.saturating_sub(world.used())))
    }
}

struct FakeFile {
    disk: FakeDisk,
    number: u64,
}

impl FakeFile {
    fn with<T>(&self, act: impl FnOnce(&mut Content) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.disk.world();
        let content = world.contents.get_mut(&self.number);
        act(content.ok_or(io::ErrorKind::NotFound)?)
    }
}

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let dying = self.disk.world().change();
        let room = self.disk.free_bytes()?;
        // Whoever dies or finds no room has written a part.
        let part = match &dying {
            Err(_) => bytes.len() / 2,
            Ok(()) => bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)),
        };
        self.with(|content| {
            content.bytes.extend_from_slice(&bytes[..part]);
            Ok(())
        })?;
        dying?;
        if part < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.world().change()?;
        self.with(|content| {
            content.synced.clone_from(&content.bytes);
            Ok(())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.world().change()?;
        self.with(|content| {
            content.bytes.truncate(len as usize);
            content.synced.truncate(len as usize);
            Ok(())
        })
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.with(|content| {
            let from = offset as usize;
            let there = content.bytes.get(from..from + into.len());
            into.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|content| Ok(content.bytes.len() as u64))
    }
}
