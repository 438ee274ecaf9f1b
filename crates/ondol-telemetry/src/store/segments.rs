//! All segments of an engine: published, opened, merged, outlived.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{Damage, StoreError};
use super::manifest::{Edit, Manifest, SegmentFacts};
use super::retention::{Retention, outlived};
use super::segment::{SegmentReader, SegmentWriter};
use crate::disk::Disk;

/// The segments that count, open.
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    readers: BTreeMap<u64, Arc<SegmentReader>>,
    next: u64,
}

/// A segment that is written, and not yet in the manifest.
pub(crate) struct Written {
    number: u64,
    bytes: u64,
}

/// A number, and the folder in which its segment will be.
pub(crate) struct Reserved {
    disk: Arc<dyn Disk>,
    number: u64,
}

impl Reserved {
    /// Writes the segment, with what `fill` says; it counts once it is published.
    pub(crate) fn write(
        self,
        fill: impl FnOnce(&mut SegmentWriter) -> Result<Vec<u8>, StoreError>,
    ) -> Result<Written, StoreError> {
        let (disk, number) = (&*self.disk, self.number);
        let (beside, name) = (format!("{number:012}.seg.tmp"), name_of(number));
        let written = SegmentWriter::begin(disk, &beside).and_then(|mut writer| {
            let index = fill(&mut writer)?;
            writer.finish(&index)
        });
        match written {
            Ok(bytes) => {
                disk.rename(&beside, &name)?;
                disk.sync()?;
                Ok(Written { number, bytes })
            }
            Err(error) => {
                // Its room is needed where the disk is full; what cannot be removed goes at the next start.
                let _ = disk.remove(&beside);
                Err(error)
            }
        }
    }
}

impl Segments {
    /// Takes what the manifest names; what it does not name is taken away.
    pub(crate) fn open(disk: Arc<dyn Disk>, damages: &mut Vec<Damage>) -> Result<Self, StoreError> {
        let mut manifest = Manifest::open(&*disk, damages)?;
        let mut next = manifest
            .segments
            .keys()
            .next_back()
            .map_or(1, |last| last + 1);
        for (name, _) in disk.list()? {
            let stem = name.strip_suffix(".seg").or(name.strip_suffix(".seg.tmp"));
            let Some(number) = stem.and_then(|stem| stem.parse::<u64>().ok()) else {
                continue;
            };
            next = next.max(number + 1);
            if !name.ends_with(".seg") || !manifest.segments.contains_key(&number) {
                disk.remove(&name)?;
            }
        }
        let mut readers = BTreeMap::new();
        let mut lost = Vec::new();
        for number in manifest.segments.keys() {
            match SegmentReader::open(&*disk, &name_of(*number), *number) {
                Ok(reader) => {
                    readers.insert(*number, Arc::new(reader));
                }
                Err(_) => lost.push(*number),
            }
        }
        damages.extend(
            lost.iter()
                .map(|segment| Damage::Lost { segment: *segment }),
        );
        if !lost.is_empty() {
            let edit = Edit {
                remove: lost,
                ..Edit::default()
            };
            manifest.edit(&*disk, &edit)?;
        }
        Ok(Segments {
            disk,
            manifest,
            readers,
            next,
        })
    }

    /// The first log file that is needed.
    pub(crate) fn log_from(&self) -> u64 {
        self.manifest.log_from
    }

    /// What is known of each, in the order of their numbers.
    pub(crate) fn facts(&self) -> impl DoubleEndedIterator<Item = &SegmentFacts> {
        self.manifest.segments.values()
    }

    /// Those that may hold something of this time.
    pub(crate) fn within(
        &self,
        start_ms: i64,
        end_ms: i64,
    ) -> impl Iterator<Item = &Arc<SegmentReader>> {
        let touches =
            move |facts: &&SegmentFacts| facts.min_ms <= end_ms && facts.max_ms >= start_ms;
        self.facts()
            .filter(touches)
            .filter_map(|facts| self.reader(facts.number))
    }

    pub(crate) fn reader(&self, number: u64) -> Option<&Arc<SegmentReader>> {
        self.readers.get(&number)
    }

    /// A number for a segment that is written while others use the engine.
    pub(crate) fn reserve(&mut self) -> Reserved {
        let number = self.next;
        self.next += 1;
        Reserved {
            disk: self.disk.clone(),
            number,
        }
    }

    /// Makes a written segment count: instead of `replaced`, and instead of the log before `log_from`.
    pub(crate) fn publish(
        &mut self,
        written: &Written,
        facts: SegmentFacts,
        replaced: &[u64],
        log_from: u64,
    ) -> Result<(), StoreError> {
        let number = written.number;
        let reader = SegmentReader::open(&*self.disk, &name_of(number), number)?;
        let facts = SegmentFacts {
            number,
            bytes: written.bytes,
            ..facts
        };
        let edit = Edit {
            add: vec![facts],
            remove: replaced.to_vec(),
            log_from,
        };
        self.manifest.edit(&*self.disk, &edit)?;
        self.readers.insert(number, Arc::new(reader));
        self.unlink(replaced);
        Ok(())
    }

    /// Takes away a segment that was written and is not wanted after all.
    pub(crate) fn discard(&self, written: &Written) {
        // What cannot be removed now is removed at the next start: the manifest does not name it.
        let _ = self.disk.remove(&name_of(written.number));
    }

    /// Takes away what is too old or too much; returns what was known of it.
    pub(crate) fn retain(
        &mut self,
        retention: &Retention,
        now_ms: i64,
    ) -> Result<Vec<SegmentFacts>, StoreError> {
        let free_bytes = self.disk.free_bytes()?;
        let gone = outlived(
            self.manifest.segments.values(),
            retention,
            free_bytes,
            now_ms,
        );
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let facts = gone
            .iter()
            .filter_map(|number| self.manifest.segments.get(number).copied());
        let facts = facts.collect();
        let edit = Edit {
            remove: gone.clone(),
            ..Edit::default()
        };
        self.manifest.edit(&*self.disk, &edit)?;
        self.unlink(&gone);
        Ok(facts)
    }

    /// They do not count any more; what cannot be removed now is removed at the next start.
    fn unlink(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.readers.remove(number);
            let _ = self.disk.remove(&name_of(*number));
        }
    }
}

fn name_of(number: u64) -> String {
    format!("{number:012}.seg")
}

#[cfg(test)]
mod tests {
    use super::super::cache::Cache;
    use super::*;
    use crate::disk::fake::{Dice, FakeDisk};

    fn facts(at_ms: i64) -> SegmentFacts {
        SegmentFacts {
            number: 0,
            level: 0,
            min_ms: at_ms,
            max_ms: at_ms,
            bytes: 0,
            items: 1,
        }
    }

    /// Publishes four segments, merges two, forgets one by age; what is answered is told to `done`.
    fn work(disk: &FakeDisk, mut done: impl FnMut(&[u64])) -> Result<(), StoreError> {
        let mut segments = Segments::open(Arc::new(disk.clone()), &mut Vec::new())?;
        let publish = |segments: &mut Segments, value: u64, replaced: &[u64]| {
            let written = segments.reserve().write(|writer| {
                let block = writer.block(&value.to_le_bytes().repeat(100), 1)?;
                let mut index = Vec::new();
                block.put(&mut index);
                Ok(index)
            })?;
            segments.publish(&written, facts(value as i64), replaced, value)
        };
        for value in 1..=4 {
            publish(&mut segments, value, &[])?;
            done(&(1..=value).collect::<Vec<_>>());
        }
        publish(&mut segments, 12, &[1, 2])?;
        done(&[3, 4, 12]);
        let retention = Retention {
            keep_ms: 16,
            ..Retention::default()
        };
        segments.retain(&retention, 20)?;
        done(&[4, 12]);
        Ok(())
    }

    /// The values that are there, each read whole.
    fn values(disk: &FakeDisk) -> (Vec<u64>, u64) {
        let segments = Segments::open(Arc::new(disk.clone()), &mut Vec::new()).unwrap();
        let cache = Cache::new(1 << 20);
        let mut values: Vec<u64> = (segments.facts())
            .map(|facts| {
                let reader = segments.reader(facts.number).unwrap();
                let index = reader.index(&cache).unwrap();
                let block = reader
                    .block(Block::take(&mut Take(&index)).unwrap(), &cache)
                    .unwrap();
                assert_eq!(block.len(), 800);
                u64::from_le_bytes(block[792..].try_into().unwrap())
            })
            .collect();
        values.sort_unstable();
        (values, segments.log_from())
    }

    use super::super::segment::Block;
    use crate::bytes::Take;

    fn changes() -> u64 {
        let disk = FakeDisk::default();
        work(&disk, |_| ()).unwrap();
        disk.changes()
    }

    #[test]
    fn a_kill_or_a_power_cut_at_any_moment_leaves_the_state_before_or_after() {
        let steps: [&[u64]; 7] = [
            &[],
            &[1],
            &[1, 2],
            &[1, 2, 3],
            &[1, 2, 3, 4],
            &[3, 4, 12],
            &[4, 12],
        ];
        for seed in 0..12 {
            for moment in 0..=changes() {
                let disk = FakeDisk::default();
                disk.die_after(moment);
                let mut told = 0;
                let _ = work(&disk, |state| {
                    told = steps.iter().position(|s| *s == state).unwrap()
                });
                match seed {
                    0 => disk.restart(),
                    seed => disk.cut_power(&mut Dice(seed * 10_000 + moment)),
                }
                let (there, log_from) = values(&disk);
                let now = steps.iter().position(|step| *step == there);
                let now = now.unwrap_or_else(|| panic!("{seed} {moment}: {there:?}"));
                assert!(
                    now == told || now == told + 1,
                    "{seed} {moment}: {there:?} after {told}"
                );
                // The log is given up together with the publishing, never before.
                assert_eq!(
                    log_from,
                    there.iter().copied().max().unwrap_or(0),
                    "{seed} {moment}"
                );
                let names: Vec<String> = disk
                    .list()
                    .unwrap()
                    .into_iter()
                    .map(|(name, _)| name)
                    .collect();
                assert_eq!(names.len(), there.len() + 1, "{seed} {moment}: {names:?}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_never_taken_for_what_was_written() {
        for seed in 0..300 {
            let disk = FakeDisk::default();
            work(&disk, |_| ()).unwrap();
            assert!(disk.flip_bit("000000000005.seg", &mut Dice(seed)));
            let mut damages = Vec::new();
            let segments = Segments::open(Arc::new(disk.clone()), &mut damages).unwrap();
            let cache = Cache::new(1 << 20);
            let Some(reader) = segments.reader(5) else {
                assert_eq!(damages, [Damage::Lost { segment: 5 }]);
                continue;
            };
            let Ok(index) = reader.index(&cache) else {
                continue;
            };
            let block = Block::take(&mut Take(&index)).unwrap();
            if let Ok(block) = reader.block(block, &cache) {
                assert_eq!(*block, *12_u64.to_le_bytes().repeat(100), "{seed}");
            }
        }
    }
}
