//! The names of the segments that count, and from where on the log is needed. An append-only file of edits.

use std::collections::BTreeMap;
use std::io;

use super::error::Damage;
use super::frame::{put_record, read_records};
use crate::bytes::{Malformed, Put, Take};
use crate::disk::{Disk, DiskFile};

const NAME: &str = "manifest";
const NEW: &str = "manifest.tmp";
/// `OndolMan`, version 1.
const HEADER: &[u8; 12] = b"OndolMan\x01\0\0\0";
/// After so many edits the file is written anew.
const EDITS_MAX: usize = 512;

/// What is known of a segment without opening it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentFacts {
    /// Its number is its name, and never used again.
    pub(crate) number: u64,
    /// How often what it holds was merged.
    pub(crate) level: u8,
    /// Its earliest and latest moment.
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) bytes: u64,
    /// Samples, or events.
    pub(crate) items: u64,
}

/// One change, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) add: Vec<SegmentFacts>,
    pub(super) remove: Vec<u64>,
    /// Log files before this one are needless; 0 changes nothing.
    pub(super) log_from: u64,
}

pub(super) struct Manifest {
    file: Box<dyn DiskFile>,
    len: u64,
    edits: usize,
    pub(super) segments: BTreeMap<u64, SegmentFacts>,
    pub(super) log_from: u64,
}

impl Manifest {
    pub(super) fn open(disk: &dyn Disk, damages: &mut Vec<Damage>) -> io::Result<Self> {
        let mut segments = BTreeMap::new();
        let mut log_from = 0;
        let there = disk.list()?.into_iter().find(|(name, _)| name == NAME);
        if let Some((_, len)) = there {
            let file = disk.open(NAME)?;
            let mut edits = 0;
            let mut header = [0; HEADER.len()];
            let whole = len >= header.len() as u64 && file.read_at(0, &mut header).is_ok();
            if !whole || header != *HEADER {
                let known = "expected a manifest of version 1 that this Ondol can read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, known));
            }
            let good = read_records(&*file, HEADER.len() as u64, |record| {
                if let Ok(edit) = Edit::decode(record) {
                    apply(&edit, &mut segments, &mut log_from);
                    edits += 1;
                }
            })?;
            if good < len {
                damages.push(Damage::Torn {
                    file: NAME.to_owned(),
                    good_bytes: good,
                    lost_bytes: len - good,
                });
            }
        }
        // Written anew at each start: short, without a torn end, and the way of writing it is always in use.
        let (file, len) = write(disk, &segments, log_from)?;
        Ok(Manifest {
            file,
            len,
            edits: 1,
            segments,
            log_from,
        })
    }

    /// Makes an edit last.
    pub(super) fn edit(&mut self, disk: &dyn Disk, edit: &Edit) -> io::Result<()> {
        if self.edits >= EDITS_MAX {
            (self.file, self.len) = write(disk, &self.segments, self.log_from)?;
            self.edits = 1;
        }
        let mut record = Vec::new();
        put_record(&mut record, &edit.encode());
        let done = self.file.append(&record).and_then(|()| self.file.sync());
        if let Err(error) = done {
            // Half an edit would hide the ones after it.
            self.file.truncate(self.len)?;
            return Err(error);
        }
        self.len += record.len() as u64;
        self.edits += 1;
        apply(edit, &mut self.segments, &mut self.log_from);
        Ok(())
    }
}

fn apply(edit: &Edit, segments: &mut BTreeMap<u64, SegmentFacts>, log_from: &mut u64) {
    for number in &edit.remove {
        segments.remove(number);
    }
    segments.extend(edit.add.iter().map(|facts| (facts.number, *facts)));
    *log_from = edit.log_from.max(*log_from);
}

fn write(
    disk: &dyn Disk,
    segments: &BTreeMap<u64, SegmentFacts>,
    log_from: u64,
) -> io::Result<(Box<dyn DiskFile>, u64)> {
    let edit = Edit {
        add: segments.values().copied().collect(),
        remove: Vec::new(),
        log_from,
    };
    let mut bytes = HEADER.to_vec();
    put_record(&mut bytes, &edit.encode());
    let mut file = disk.create(NEW)?;
    file.append(&bytes)?;
    file.sync()?;
    disk.rename(NEW, NAME)?;
    disk.sync()?;
    Ok((file, bytes.len() as u64))
}

impl Edit {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_varint(self.log_from);
        bytes.put_varint(self.remove.len() as u64);
        for number in &self.remove {
            bytes.put_varint(*number);
        }
        bytes.put_varint(self.add.len() as u64);
        for facts in &self.add {
            bytes.put_varint(facts.number);
            bytes.push(facts.level);
            bytes.put_signed(facts.min_ms);
            bytes.put_signed(facts.max_ms);
            bytes.put_varint(facts.bytes);
            bytes.put_varint(facts.items);
        }
        bytes
    }

    fn decode(record: &[u8]) -> Result<Self, Malformed> {
        let mut take = Take(record);
        let log_from = take.varint()?;
        let removed = take.count(1)?;
        let remove = (0..removed)
            .map(|_| take.varint())
            .collect::<Result<_, _>>()?;
        let added = take.count(6)?;
        let facts = |take: &mut Take<'_>| {
            Ok(SegmentFacts {
                number: take.varint()?,
                level: take.u8()?,
                min_ms: take.signed()?,
                max_ms: take.signed()?,
                bytes: take.varint()?,
                items: take.varint()?,
            })
        };
        let add = (0..added)
            .map(|_| facts(&mut take))
            .collect::<Result<_, _>>()?;
        Ok(Edit {
            add,
            remove,
            log_from,
        })
    }
}
