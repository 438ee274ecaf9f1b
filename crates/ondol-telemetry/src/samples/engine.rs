//! The engine, opened and looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_query::Labels;

use super::admission::{Limits, Refused, RefusedByJob};
use super::exemplars::{Exemplars, KeptExemplar};
use super::head::Head;
use super::journal::{Journal, Replay};
use super::metadata::{Metadata, MetadataTable};
use super::page::PageMemory;
use crate::disk::Disk;
use crate::store::{Cache, Damage, Durability, Log, Retention, Segments, StoreError};

/// How the engine keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// When a write is made to last.
    pub durability: Durability,
    /// How long it is kept.
    pub retention: Retention,
    /// The bounds.
    pub limits: Limits,
    /// Samples in memory become a segment when they take so much,
    pub head_bytes_max: usize,
    /// or when the oldest is so old.
    pub head_ms_max: u64,
    /// Blocks of segments that stay in memory.
    pub cache_bytes_max: usize,
    /// Exemplars that are kept.
    pub exemplars_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            durability: Durability::Every { ms: 1000 },
            retention: Retention::default(),
            limits: Limits::default(),
            head_bytes_max: 6 << 20,
            head_ms_max: 2 * 3600 * 1000,
            cache_bytes_max: 4 << 20,
            exemplars_max: 5000,
        }
    }
}

/// What was found when the engine was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// What is not there any more.
    pub damages: Vec<Damage>,
    /// Samples that came back from the log.
    pub replayed: u64,
    /// Records of the log that could not be understood.
    pub malformed: u64,
}

/// How the engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Living series.
    pub series: usize,
    /// Samples in memory.
    pub head_samples: u64,
    /// Bytes of memory that all of it takes, the cache aside.
    pub head_bytes: usize,
    /// Bytes of the log that a start has to read.
    pub log_bytes: u64,
    /// Segments on the disk.
    pub segments: usize,
    /// Their bytes.
    pub segment_bytes: u64,
    /// Samples in them.
    pub segment_samples: u64,
}

/// All metrics of one node. One owner writes; readers ask through [`ondol_query::Source`].
pub struct Samples {
    pub(super) config: Config,
    pub(super) head: Head,
    pub(super) frozen: Option<Arc<Frozen>>,
    pub(super) journal: Journal,
    pub(super) segments: Segments,
    pub(super) cache: Arc<Cache>,
    pub(super) exemplars: Exemplars,
    pub(super) pages: BTreeMap<String, PageMemory>,
    pub(super) refused: RefusedByJob,
    pub(super) metadata: MetadataTable,
    /// Living series of each job.
    pub(super) jobs: BTreeMap<String, usize>,
    pub(super) row: Vec<u64>,
}

/// A head that becomes a segment.
pub(super) struct Frozen {
    pub(super) head: Head,
    /// The first log file that has nothing of it.
    pub(super) log_from: u64,
}

impl Samples {
    /// Opens the engine on its folder, and brings back what was taken in before.
    ///
    /// # Errors
    ///
    /// When the disk fails, or the folder is from an Ondol that is newer than this one.
    pub fn open(disk: Arc<dyn Disk>, config: Config) -> Result<(Self, Opened), StoreError> {
        let mut opened = Opened::default();
        let segments = Segments::open(disk.clone(), &mut opened.damages)?;
        let (mut head, mut replay) = (Head::default(), Replay::default());
        let log = Log::open(
            disk,
            config.durability,
            config.retention.free_bytes_min,
            segments.log_from(),
            &mut opened.damages,
            |file, record| replay.apply(&mut head, file, record),
        )?;
        opened.replayed = head.items;
        opened.malformed = replay.malformed;
        let mut samples = Samples {
            config,
            head,
            frozen: None,
            journal: Journal::new(log),
            segments,
            cache: Arc::new(Cache::new(config.cache_bytes_max)),
            exemplars: Exemplars::new(config.exemplars_max),
            pages: BTreeMap::new(),
            refused: RefusedByJob::default(),
            metadata: MetadataTable::default(),
            jobs: BTreeMap::new(),
            row: Vec::new(),
        };
        samples.count_jobs();
        Ok((samples, opened))
    }

    /// How the engine is.
    pub fn status(&self) -> Status {
        let pages: usize = self.pages.values().map(PageMemory::bytes).sum();
        let heads = || [Some(&self.head), self.frozen_head()].into_iter().flatten();
        Status {
            series: self.head.table.len(),
            head_samples: heads().map(|head| head.items).sum(),
            head_bytes: heads().map(Head::bytes).sum::<usize>() + pages,
            log_bytes: self.journal.log.len(),
            segments: self.segments.facts().count(),
            segment_bytes: self.segments.facts().map(|facts| facts.bytes).sum(),
            segment_samples: self.segments.facts().map(|facts| facts.items).sum(),
        }
    }

    /// The latest observations behind series, the oldest first.
    pub fn exemplars(&self) -> impl Iterator<Item = (Labels, &KeptExemplar)> {
        self.exemplars.iter().map(|(series, exemplar)| {
            let labels: Vec<(&str, &str)> = self.head.table.labels(*series).collect();
            (Labels::of(&labels), exemplar)
        })
    }

    /// Gives name and value of each label of each living series, sorted by name.
    pub fn each_series<'s>(
        &'s self,
        mut each: impl FnMut(&mut dyn Iterator<Item = (&'s str, &'s str)>),
    ) {
        for id in self.head.table.ids() {
            each(&mut self.head.table.labels(id));
        }
    }

    /// Earliest and latest moment of the samples in memory, in milliseconds since 1970.
    pub fn head_span_ms(&self) -> Option<(i64, i64)> {
        let frozen = self.frozen_head().and_then(Head::span_ms);
        let spans = self.head.span_ms().into_iter().chain(frozen);
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    pub(super) fn frozen_head(&self) -> Option<&Head> {
        self.frozen.as_ref().map(|frozen| &frozen.head)
    }

    /// What was said about metrics, by the name of the family. Not kept over a restart: pages say it again.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &Metadata)> {
        self.metadata.iter()
    }

    /// Says what a metric is that was pushed.
    pub fn describe_family(&mut self, family: &str, metadata: Metadata) {
        self.metadata.set(family, metadata);
    }

    /// What was refused, job by job, since the engine was opened.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &Refused)> {
        self.refused.iter()
    }
}
