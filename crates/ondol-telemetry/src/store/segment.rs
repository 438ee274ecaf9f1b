//! One immutable file: blocks, each compressed and checked on its own, an index, and at the end where the index is.

use std::sync::Arc;

use super::cache::Cache;
use super::error::StoreError;
use crate::bytes::{Malformed, Put, Take};
use crate::disk::{Disk, DiskFile};

/// `OndolSeg`, version 1.
const HEADER: &[u8; 12] = b"OndolSeg\x01\0\0\0";
/// Offset, length and raw length of the index, a checksum of these, and the mark of the end.
const TRAILER_BYTES: usize = 24;
const END: u32 = 0x6c64_6e4f;
/// A block is never larger than this, whatever a flipped bit says.
const RAW_BYTES_MAX: usize = 64 << 20;
/// What is written at once.
const WRITE_BYTES: usize = 256 << 10;

/// Where a block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) offset: u64,
    /// On the disk, without its checksum.
    pub(crate) len: u32,
    /// What it is unpacked.
    pub(crate) raw_len: u32,
}

impl Block {
    pub(crate) fn put(self, into: &mut Vec<u8>) {
        into.put_varint(self.offset);
        into.put_varint(u64::from(self.len));
        into.put_varint(u64::from(self.raw_len));
    }

    pub(crate) fn take(from: &mut Take<'_>) -> Result<Self, Malformed> {
        let narrow = |value: u64| u32::try_from(value).map_err(|_| Malformed);
        Ok(Block {
            offset: from.varint()?,
            len: narrow(from.varint()?)?,
            raw_len: narrow(from.varint()?)?,
        })
    }
}

/// A segment in the making.
pub(crate) struct SegmentWriter {
    file: Box<dyn DiskFile>,
    waiting: Vec<u8>,
    len: u64,
    packer: zstd::bulk::Compressor<'static>,
    level: i32,
}

impl SegmentWriter {
    pub(super) fn begin(disk: &dyn Disk, name: &str) -> Result<Self, StoreError> {
        let level = 1;
        Ok(SegmentWriter {
            file: disk.create(name)?,
            waiting: HEADER.to_vec(),
            len: HEADER.len() as u64,
            packer: zstd::bulk::Compressor::new(level)?,
            level,
        })
    }

    /// Packs and appends a block.
    pub(crate) fn block(&mut self, raw: &[u8], level: i32) -> Result<Block, StoreError> {
        if level != self.level {
            self.packer.set_compression_level(level)?;
            self.level = level;
        }
        let packed = self.packer.compress(raw)?;
        // What does not get smaller stays as it is: equal lengths say so.
        let stored = if packed.len() < raw.len() {
            &packed
        } else {
            raw
        };
        let block = Block {
            offset: self.len,
            len: stored.len() as u32,
            raw_len: raw.len() as u32,
        };
        self.append(stored)?;
        self.append(&crc32c::crc32c(stored).to_le_bytes())?;
        Ok(block)
    }

    /// Writes the index and makes everything last; returns how many bytes the file has.
    pub(super) fn finish(mut self, index: &[u8]) -> Result<u64, StoreError> {
        let Block {
            offset,
            len,
            raw_len,
        } = self.block(index, 3)?;
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        trailer.put_u64(offset);
        trailer.put_u32(len);
        trailer.put_u32(raw_len);
        trailer.put_u32(crc32c::crc32c(&trailer));
        trailer.put_u32(END);
        self.append(&trailer)?;
        self.flush()?;
        self.file.sync()?;
        Ok(self.len)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.extend_from_slice(bytes);
        self.len += bytes.len() as u64;
        if self.waiting.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.append(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

/// A segment that is read.
pub(crate) struct SegmentReader {
    number: u64,
    file: Box<dyn DiskFile>,
    index: Block,
}

impl SegmentReader {
    pub(super) fn open(disk: &dyn Disk, name: &str, number: u64) -> Result<Self, StoreError> {
        let broken = || StoreError::Broken(number);
        let file = disk.open(name)?;
        let trailer_at = file.size()?.checked_sub(TRAILER_BYTES as u64);
        let trailer_at = trailer_at
            .filter(|at| *at >= HEADER.len() as u64)
            .ok_or_else(broken)?;
        let mut header = [0; HEADER.len()];
        file.read_at(0, &mut header)?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_at(trailer_at, &mut trailer)?;
        let (said, end) = trailer.split_at(16);
        let mut take = Take(end);
        let good =
            header == *HEADER && take.u32() == Ok(crc32c::crc32c(said)) && take.u32() == Ok(END);
        let mut take = Take(said);
        let mut index = || {
            Ok(Block {
                offset: take.u64()?,
                len: take.u32()?,
                raw_len: take.u32()?,
            })
        };
        match index() {
            Ok(index) if good => Ok(SegmentReader {
                number,
                file,
                index,
            }),
            Ok(_) | Err(Malformed) => Err(broken()),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The index, through the cache.
    pub(crate) fn index(&self, cache: &Cache) -> Result<Arc<[u8]>, StoreError> {
        self.block(self.index, cache)
    }

    /// A block, through the cache.
    pub(crate) fn block(&self, block: Block, cache: &Cache) -> Result<Arc<[u8]>, StoreError> {
        cache.get((self.number, block.offset), || self.read(block))
    }

    /// A block from the disk, for those who read everything once.
    pub(crate) fn read(&self, block: Block) -> Result<Arc<[u8]>, StoreError> {
        let (len, raw_len) = (block.len as usize, block.raw_len as usize);
        if len > raw_len || raw_len > RAW_BYTES_MAX {
            return Err(self.broken());
        }
        let mut stored = vec![0; len + 4];
        self.file.read_at(block.offset, &mut stored)?;
        let said = stored.split_off(len);
        if crc32c::crc32c(&stored).to_le_bytes() != *said {
            return Err(self.broken());
        }
        if len == raw_len {
            return Ok(stored.into());
        }
        match zstd::bulk::decompress(&stored, raw_len) {
            Ok(raw) if raw.len() == raw_len => Ok(raw.into()),
            _ => Err(self.broken()),
        }
    }

    /// What was read is not what was written.
    pub(crate) fn broken(&self) -> StoreError {
        StoreError::Broken(self.number)
    }
}
