//! The write-ahead log: files that each stand on their own.

use std::io;
use std::sync::Arc;

use super::error::{Damage, StoreError};
use super::frame::{RECORD_BYTES_MAX, put_record, read_records};
use crate::disk::{Disk, DiskFile};

/// When what was written is made to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Once in so many milliseconds: what a power cut may take.
    Every {
        /// How many.
        ms: u64,
    },
    /// Before each write is answered.
    Strict,
}

/// `OndolLog`, version 1.
const HEADER: &[u8; 12] = b"OndolLog\x01\0\0\0";
/// The floor is asked for again after so much time.
const FREE_EVERY_MS: i64 = 1000;

/// The log of one engine.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    durability: Durability,
    floor_bytes: u64,
    file: Box<dyn DiskFile>,
    number: u64,
    len: u64,
    has_unsynced: bool,
    synced_at_ms: i64,
    free_bytes: u64,
    free_at_ms: Option<i64>,
    /// The end of the file may hold half a record that could not be cut off.
    is_torn: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// Gives what is in the files from number `from` on to `each`, file by file, and begins a new file. What was torn is
    /// cut off and said.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        durability: Durability,
        floor_bytes: u64,
        from: u64,
        damages: &mut Vec<Damage>,
        mut each: impl FnMut(u64, &[u8]),
    ) -> io::Result<Self> {
        let mut last = from;
        for (number, name, len) in files(&*disk)? {
            if number < from {
                disk.remove(&name)?;
                continue;
            }
            last = last.max(number + 1);
            let mut file = disk.open(&name)?;
            let good = match has_header(&*file)? {
                true => read_records(&*file, HEADER.len() as u64, |record| each(number, record))?,
                false => 0,
            };
            if good < len {
                damages.push(Damage::Torn {
                    file: name,
                    good_bytes: good,
                    lost_bytes: len - good,
                });
                file.truncate(good)?;
            }
            // Who was killed may have left it to the machine to write: what comes next must not outlast it.
            file.sync()?;
        }
        let file = begin(&*disk, last)?;
        Ok(Log {
            disk,
            durability,
            floor_bytes,
            file,
            number: last,
            len: HEADER.len() as u64,
            has_unsynced: false,
            synced_at_ms: 0,
            free_bytes: u64::MAX,
            free_at_ms: None,
            is_torn: false,
            buffer: Vec::new(),
        })
    }

    /// The file that is written to. A file says nothing that needs an earlier one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes in the current file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Writes a record. Once this returned, a killed process loses nothing of it; see [`Durability`] for a power cut.
    pub(crate) fn append(&mut self, payload: &[u8], now_ms: i64) -> Result<(), StoreError> {
        if payload.len() > RECORD_BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
        }
        self.check_room(payload.len() as u64, now_ms)?;
        self.write(payload)?;
        match self.durability {
            Durability::Strict => self.sync(now_ms),
            Durability::Every { .. } => self.sync_if_due(now_ms),
        }
    }

    /// Writes what this file must have so that those before it can be given up, and makes it last. The floor of free
    /// bytes is no matter: giving up the others makes room.
    pub(crate) fn carry(&mut self, payload: &[u8], now_ms: i64) -> Result<(), StoreError> {
        self.write(payload)?;
        self.sync(now_ms)
    }

    fn write(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        if self.is_torn {
            self.cut()?;
        }
        self.buffer.clear();
        put_record(&mut self.buffer, payload);
        if let Err(error) = self.file.append(&self.buffer) {
            self.is_torn = true;
            self.free_at_ms = None;
            // Best effort: the next write tries again before it writes.
            let _ = self.cut();
            return Err(error.into());
        }
        self.len += self.buffer.len() as u64;
        self.has_unsynced = true;
        Ok(())
    }

    /// Makes everything last, if it is time for it. A clock that was set back makes it time.
    pub(crate) fn sync_if_due(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let every = match self.durability {
            Durability::Strict => 0,
            Durability::Every { ms } => ms,
        };
        if self.has_unsynced && now_ms.abs_diff(self.synced_at_ms) >= every {
            self.sync(now_ms)?;
        }
        Ok(())
    }

    /// Makes everything last.
    pub(crate) fn sync(&mut self, now_ms: i64) -> Result<(), StoreError> {
        self.file.sync()?;
        self.has_unsynced = false;
        self.synced_at_ms = now_ms;
        Ok(())
    }

    /// Begins the next file; returns its number.
    pub(crate) fn rotate(&mut self, now_ms: i64) -> Result<u64, StoreError> {
        self.sync(now_ms)?;
        self.file = begin(&*self.disk, self.number + 1)?;
        self.number += 1;
        self.len = HEADER.len() as u64;
        self.is_torn = false;
        Ok(self.number)
    }

    /// Takes away the files before `number`: segments hold what they said.
    pub(crate) fn forget_before(&mut self, number: u64) -> Result<(), StoreError> {
        for (old, name, _) in files(&*self.disk)? {
            if old < number {
                self.disk.remove(&name)?;
            }
        }
        Ok(())
    }

    fn check_room(&mut self, bytes: u64, now_ms: i64) -> Result<(), StoreError> {
        let is_old = |at: i64| now_ms.abs_diff(at) >= FREE_EVERY_MS as u64;
        if self.free_at_ms.is_none_or(is_old) {
            self.free_bytes = self.disk.free_bytes()?;
            self.free_at_ms = Some(now_ms);
        }
        if self.free_bytes < self.floor_bytes.saturating_add(bytes) {
            self.free_at_ms = None;
            return Err(StoreError::Full {
                free_bytes: self.free_bytes,
                floor_bytes: self.floor_bytes,
            });
        }
        self.free_bytes -= bytes;
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.truncate(self.len)?;
        self.is_torn = false;
        Ok(())
    }
}

fn begin(disk: &dyn Disk, number: u64) -> io::Result<Box<dyn DiskFile>> {
    let mut file = disk.create(&format!("{number:012}.log"))?;
    file.append(HEADER)?;
    file.sync()?;
    disk.sync()?;
    Ok(file)
}

fn has_header(file: &dyn DiskFile) -> io::Result<bool> {
    let mut header = [0; HEADER.len()];
    if file.size()? < header.len() as u64 {
        return Ok(false);
    }
    file.read_at(0, &mut header)?;
    Ok(header == *HEADER)
}

/// Number, name and length of each, in their order.
fn files(disk: &dyn Disk) -> io::Result<Vec<(u64, String, u64)>> {
    let numbered = |(name, len): (String, u64)| {
        let number = name.strip_suffix(".log")?.parse().ok()?;
        Some((number, name, len))
    };
    let mut files: Vec<_> = disk.list()?.into_iter().filter_map(numbered).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::{Dice, FakeDisk};

    const RECORDS: u64 = 12;

    fn open(disk: &FakeDisk, durability: Durability) -> io::Result<(Log, Vec<u64>, Vec<Damage>)> {
        let (mut seen, mut damages) = (Vec::new(), Vec::new());
        let log = Log::open(
            Arc::new(disk.clone()),
            durability,
            0,
            0,
            &mut damages,
            |_, record| {
                seen.push(u64::from_le_bytes(record[..8].try_into().unwrap()));
            },
        )?;
        Ok((log, seen, damages))
    }

    /// Writes records until something fails; returns how many were answered, and how many of them are to last.
    fn write(disk: &FakeDisk, durability: Durability) -> (u64, u64) {
        let Ok((mut log, _, _)) = open(disk, durability) else {
            return (0, 0);
        };
        let mut lasting = 0;
        for number in 0..RECORDS {
            let mut record = number.to_le_bytes().to_vec();
            record.resize(8 + (number as usize * 37) % 200, 7);
            if log.append(&record, number as i64 * 300).is_err() {
                return (number, lasting);
            }
            if !log.has_unsynced {
                lasting = number + 1;
            }
            if number % 5 == 4 && log.rotate(0).is_err() {
                return (number + 1, lasting);
            }
        }
        (RECORDS, lasting)
    }

    fn changes_of(durability: Durability) -> u64 {
        let disk = FakeDisk::default();
        assert_eq!(write(&disk, durability).0, RECORDS);
        disk.changes()
    }

    #[test]
    fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
        for durability in [Durability::Strict, Durability::Every { ms: 1000 }] {
            for moment in 0..=changes_of(durability) {
                let disk = FakeDisk::default();
                disk.die_after(moment);
                let (answered, _) = write(&disk, durability);
                disk.restart();
                let (_, seen, _) = open(&disk, durability).unwrap();
                assert!(
                    seen.len() as u64 >= answered,
                    "{moment}: {seen:?} of {answered}"
                );
                assert!(
                    seen.iter().copied().eq(0..seen.len() as u64),
                    "{moment}: {seen:?}"
                );
            }
        }
    }

    #[test]
    fn a_power_cut_at_any_moment_loses_only_what_was_not_synchronised() {
        for durability in [Durability::Strict, Durability::Every { ms: 1000 }] {
            for seed in 0..20 {
                for moment in 0..=changes_of(durability) {
                    let disk = FakeDisk::default();
                    disk.die_after(moment);
                    let (answered, lasting) = write(&disk, durability);
                    disk.cut_power(&mut Dice(seed * 1000 + moment));
                    let (_, seen, _) = open(&disk, durability).unwrap();
                    let least = if durability == Durability::Strict {
                        answered
                    } else {
                        lasting
                    };
                    assert!(
                        seen.len() as u64 >= least,
                        "{seed} {moment}: {seen:?} of {least}"
                    );
                    assert!(
                        seen.iter().copied().eq(0..seen.len() as u64),
                        "{seed} {moment}: {seen:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_costs_the_rest_of_its_file_and_is_said() {
        for seed in 0..200 {
            let (disk, mut dice) = (FakeDisk::default(), Dice(seed));
            write(&disk, Durability::Strict);
            assert!(disk.flip_bit("000000000001.log", &mut dice));
            let (_, seen, damages) = open(&disk, Durability::Strict).unwrap();
            assert_eq!(damages.len(), 1, "{seed}");
            assert!(seen.len() < RECORDS as usize && seen.windows(2).all(|w| w[0] < w[1]));
            assert!(
                (0..5).chain(10..12).all(|number| seen.contains(&number)),
                "{seen:?}"
            );
            let (_, again, damages) = open(&disk, Durability::Strict).unwrap();
            assert_eq!((again, damages), (seen, vec![]));
        }
    }

    #[test]
    fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
        for capacity in 0..300 {
            let disk = FakeDisk::default();
            let (mut log, _, _) = open(&disk, Durability::Strict).unwrap();
            disk.set_capacity(Some(12 + capacity));
            let mut taken = Vec::new();
            for number in 0..20_u64 {
                if number == 10 {
                    disk.set_capacity(None);
                }
                if log
                    .append(&number.to_le_bytes(), number as i64 * 2000)
                    .is_ok()
                {
                    taken.push(number);
                }
            }
            assert!(taken.ends_with(&[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]));
            let (_, seen, damages) = open(&disk, Durability::Strict).unwrap();
            assert_eq!((seen, damages), (taken, vec![]), "{capacity}");
        }
    }

    #[test]
    fn the_floor_of_free_bytes_stays_free() {
        let disk = FakeDisk::default();
        let (mut log, _, _) = open(&disk, Durability::Strict).unwrap();
        log.floor_bytes = 500;
        disk.set_capacity(Some(1000));
        let error = (0..100)
            .find_map(|n| log.append(&[0; 100], n * 2000).err())
            .unwrap();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(disk.free_bytes().unwrap() >= 380);
    }
}
