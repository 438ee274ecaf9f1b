//! What was taken in and is not in a segment yet.

use std::collections::BTreeMap;

use super::arena::Arena;
use super::codec::ABSENT;
use super::group::Group;
use super::loose::Loose;
use super::series::SeriesTable;

/// A group, by its place.
pub(super) type GroupId = usize;

#[derive(Default)]
pub(super) struct Head {
    pub(super) table: SeriesTable,
    pub(super) groups: Vec<Group>,
    pub(super) by_key: BTreeMap<String, GroupId>,
    pub(super) loose: Loose,
    pub(super) arena: Arena,
    /// Samples that are in here.
    pub(super) items: u64,
}

impl Head {
    /// The group of this target, made where it is not there.
    pub(super) fn group(&mut self, key: &str) -> GroupId {
        if let Some(id) = self.by_key.get(key) {
            return *id;
        }
        let id = self.groups.len();
        self.groups.push(Group::new(key));
        self.by_key.insert(key.to_owned(), id);
        id
    }

    /// Adds a row to a group.
    pub(super) fn push(&mut self, group: GroupId, at_ms: i64, row: &[u64]) {
        if let Some(group) = self.groups.get_mut(group) {
            self.items += row.iter().filter(|bits| **bits != ABSENT).count() as u64;
            group.push(at_ms, row, &mut self.arena);
        }
    }

    /// Bytes of samples in memory: what grows until the next segment.
    pub(super) fn sample_bytes(&self) -> usize {
        let times = self.groups.iter().map(|group| group.times.len() * 8);
        self.arena.bytes() + self.loose.bytes() + times.sum::<usize>()
    }

    /// Bytes of memory in all.
    pub(super) fn bytes(&self) -> usize {
        let groups = self.groups.iter().map(Group::bytes);
        self.table.bytes() + self.arena.bytes() + self.loose.bytes() + groups.sum::<usize>()
    }

    /// Earliest and latest moment.
    pub(super) fn span_ms(&self) -> Option<(i64, i64)> {
        let grouped = self
            .groups
            .iter()
            .filter_map(|group| Some((*group.times.first()?, *group.times.last()?)));
        let loose = self.loose.runs.values().flat_map(|run| {
            let floats = run.floats.iter().map(|(at_ms, _)| *at_ms);
            let histograms = run.histograms.iter().map(|(at_ms, _)| *at_ms);
            floats.chain(histograms).map(|at_ms| (at_ms, at_ms))
        });
        let wider = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        grouped.chain(loose).reduce(wider)
    }

    /// Puts all samples aside, with the series that they are of; goes on without them, and without the series and
    /// targets that have ended. `moved` hears where the columns of a group went that lost some.
    pub(super) fn freeze(&mut self, mut moved: impl FnMut(&str, &[Option<u32>])) -> Head {
        let frozen = Head {
            table: self.table.clone(),
            groups: self.groups.iter_mut().map(Group::freeze).collect(),
            by_key: BTreeMap::new(),
            loose: std::mem::take(&mut self.loose),
            arena: std::mem::take(&mut self.arena),
            items: std::mem::take(&mut self.items),
        };
        for group in &mut self.groups {
            if let Some(places) = group.drop_ended() {
                moved(&group.key, &places);
            }
        }
        self.groups.retain(|group| !group.columns.is_empty());
        let keys = self.groups.iter().map(|group| group.key.clone());
        self.by_key = keys.zip(0..).collect();
        let mut live = vec![false; self.table.ids().last().map_or(0, |last| last as usize + 1)];
        for column in self.groups.iter().flat_map(|group| &group.columns) {
            if let Some(live) = live.get_mut(column.series as usize) {
                *live = true;
            }
        }
        self.table.retain(|id| live.get(id as usize) == Some(&true));
        frozen
    }
}
