//! The folder of an engine, as little of it as is needed: so that its faults can be played in tests.

#[cfg(test)]
pub(crate) mod fake;
mod real;

use std::io;

pub use real::Folder;

/// A flat folder. What a call did is on the disk only once the file, or for names the folder, was synchronised.
pub trait Disk: Send + Sync {
    /// A new file to append to; one of this name is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// A file that is there.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Name and size of every file.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// Gives a file another name; one that has it is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names last.
    fn sync(&self) -> io::Result<()>;
    /// What is left for us on the file system.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A file that only grows at its end, and shrinks when its end is torn.
pub trait DiskFile: Send + Sync {
    /// All of `bytes` at the end, or an error after any part of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes contents last.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the end off.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Fills `into` from `offset`; too few bytes are an error.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// How long it is.
    fn size(&self) -> io::Result<u64>;
}
