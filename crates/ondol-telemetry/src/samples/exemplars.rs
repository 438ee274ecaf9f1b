//! The latest observations behind series, each with what leads to its trace. A ring: the oldest goes.

use std::collections::{BTreeMap, VecDeque};

use super::hash::hash;
use super::series::SeriesId;
use crate::exposition;

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptExemplar {
    /// Usually `trace_id`.
    pub labels: Vec<(String, String)>,
    /// What was observed.
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

pub(super) struct Exemplars {
    max: usize,
    ring: VecDeque<(SeriesId, KeptExemplar)>,
    /// What each series said last: pages repeat it with every scrape.
    said: BTreeMap<SeriesId, u64>,
}

impl Exemplars {
    pub(super) fn new(max: usize) -> Self {
        Exemplars {
            max,
            ring: VecDeque::new(),
            said: BTreeMap::new(),
        }
    }

    /// Keeps what a page says, unless it said so before.
    pub(super) fn keep(&mut self, series: SeriesId, said: &exposition::Exemplar<'_>, now_ms: i64) {
        let labels = (said.labels.iter())
            .map(|(name, value)| (name.meant().into_owned(), value.meant().into_owned()));
        let at_ms = said
            .at_seconds
            .map_or(now_ms, |seconds| (seconds * 1000.0) as i64);
        let exemplar = KeptExemplar {
            labels: labels.collect(),
            value: said.value,
            at_ms,
        };
        // One without a moment is the same with every scrape.
        let moment = said.at_seconds.map(|_| at_ms);
        self.add(series, exemplar, moment);
    }

    /// Keeps what somebody sent, unless it was sent before.
    pub(super) fn push(&mut self, series: SeriesId, exemplar: KeptExemplar) {
        let moment = Some(exemplar.at_ms);
        self.add(series, exemplar, moment);
    }

    fn add(&mut self, series: SeriesId, exemplar: KeptExemplar, moment: Option<i64>) {
        let mut bytes = exemplar.value.to_bits().to_le_bytes().to_vec();
        bytes.extend(moment.unwrap_or_default().to_le_bytes());
        let labels = exemplar.labels.iter();
        bytes.extend(labels.flat_map(|(name, value)| name.bytes().chain(value.bytes())));
        let said = hash(&bytes);
        if self.max == 0 || self.said.insert(series, said) == Some(said) {
            return;
        }
        if self.ring.len() >= self.max {
            self.ring.pop_front();
        }
        self.ring.push_back((series, exemplar));
    }

    /// Of all series, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(SeriesId, KeptExemplar)> {
        self.ring.iter()
    }

    /// Lets go of those whose series ended.
    pub(super) fn retain(&mut self, lives: impl Fn(SeriesId) -> bool) {
        self.ring.retain(|(series, _)| lives(*series));
        self.said.retain(|series, _| lives(*series));
    }
}
