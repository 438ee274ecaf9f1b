//! The series that are alive: which labels each has.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use ondol_query::METRIC_NAME;

use super::hash::hash;
use super::symbols::{Symbol, Symbols};

/// A living series, by its number. Numbers of dead ones are used again.
pub(super) type SeriesId = u32;
/// Name and value of a label.
pub(super) type Pair = (Symbol, Symbol);

/// Labels of one series in the common list.
#[derive(Clone, Copy, Default)]
struct Place {
    start: u32,
    len: u32,
}

#[derive(Clone, Default)]
pub(super) struct SeriesTable {
    pub(super) symbols: Symbols,
    pairs: Vec<Pair>,
    places: Vec<Place>,
    free: Vec<SeriesId>,
    by_labels: HashTable<SeriesId>,
    /// By the name of the metric: nearly every question begins with it.
    by_metric: BTreeMap<Symbol, Vec<SeriesId>>,
}

impl SeriesTable {
    /// The series with these labels, sorted by name, none empty.
    pub(super) fn find(&self, labels: &[(&str, &str)]) -> Option<SeriesId> {
        let symbol = |(name, value): &(&str, &str)| {
            Some((self.symbols.find(name)?, self.symbols.find(value)?))
        };
        let pairs: Vec<Pair> = labels.iter().map(symbol).collect::<Option<_>>()?;
        let same = |id: &SeriesId| self.pairs(*id) == pairs;
        self.by_labels.find(hash_of(&pairs), same).copied()
    }

    /// The same, made where it is not there.
    pub(super) fn intern(&mut self, labels: &[(&str, &str)]) -> SeriesId {
        let symbols = &mut self.symbols;
        let pairs: Vec<Pair> = (labels.iter())
            .map(|(name, value)| (symbols.intern(name), symbols.intern(value)))
            .collect();
        let (all, places) = (&self.pairs, &self.places);
        let entry = self.by_labels.entry(
            hash_of(&pairs),
            |id| slice(all, places, *id) == pairs,
            |id| hash_of(slice(all, places, *id)),
        );
        let Entry::Vacant(entry) = entry else {
            return match entry {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(_) => SeriesId::MAX,
            };
        };
        let place = Place {
            start: self.pairs.len() as u32,
            len: pairs.len() as u32,
        };
        let id = self.free.pop().unwrap_or(self.places.len() as SeriesId);
        entry.insert(id);
        self.pairs.extend_from_slice(&pairs);
        match self.places.get_mut(id as usize) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        if let Some(metric) = self.metric(id) {
            self.by_metric.entry(metric).or_default().push(id);
        }
        id
    }

    pub(super) fn pairs(&self, id: SeriesId) -> &[Pair] {
        slice(&self.pairs, &self.places, id)
    }

    /// Name and value of each label, sorted by name.
    pub(super) fn labels(&self, id: SeriesId) -> impl Iterator<Item = (&str, &str)> {
        let text = |(name, value): &Pair| (self.symbols.get(*name), self.symbols.get(*value));
        self.pairs(id).iter().map(text)
    }

    /// The living series of a metric.
    pub(super) fn of_metric(&self, name: &str) -> &[SeriesId] {
        let symbol = self.symbols.find(name);
        let ids = symbol.and_then(|symbol| self.by_metric.get(&symbol));
        ids.map_or(&[], Vec::as_slice)
    }

    /// All living series.
    pub(super) fn ids(&self) -> impl Iterator<Item = SeriesId> {
        let alive = |id: &SeriesId| {
            self.places
                .get(*id as usize)
                .is_some_and(|place| place.len > 0)
        };
        (0..self.places.len() as SeriesId).filter(alive)
    }

    /// How many live.
    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        let metrics = self.by_metric.values().map(|ids| ids.capacity() * 4 + 40);
        self.symbols.bytes()
            + self.pairs.capacity() * size_of::<Pair>()
            + self.places.capacity() * size_of::<Place>()
            + self.by_labels.allocation_size()
            + metrics.sum::<usize>()
    }

    /// Lets go of every series that is not kept, and of texts that only they had.
    pub(super) fn retain(&mut self, keep: impl Fn(SeriesId) -> bool) {
        let dead: Vec<SeriesId> = self.ids().filter(|id| !keep(*id)).collect();
        if dead.is_empty() {
            return;
        }
        let before = std::mem::take(self);
        self.places = vec![Place::default(); before.places.len()];
        // Numbers stay: others know them.
        for id in before.ids().filter(|id| keep(*id)) {
            self.free = vec![id];
            let labels: Vec<(&str, &str)> = before.labels(id).collect();
            self.intern(&labels);
        }
        let is_free = |id: &SeriesId| self.pairs(*id).is_empty();
        self.free = (0..self.places.len() as SeriesId).filter(is_free).collect();
    }

    fn metric(&self, id: SeriesId) -> Option<Symbol> {
        let name = self.symbols.find(METRIC_NAME)?;
        let pair = self.pairs(id).iter().find(|pair| pair.0 == name)?;
        Some(pair.1)
    }
}

fn slice<'a>(pairs: &'a [Pair], places: &[Place], id: SeriesId) -> &'a [Pair] {
    let place = places.get(id as usize).copied().unwrap_or_default();
    let start = place.start as usize;
    pairs
        .get(start..start + place.len as usize)
        .unwrap_or_default()
}

fn hash_of(pairs: &[Pair]) -> u64 {
    let bytes: Vec<u8> = (pairs.iter())
        .flat_map(|(name, value)| (u64::from(*name) << 32 | u64::from(*value)).to_le_bytes())
        .collect();
    hash(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_its_labels_and_by_its_metric() {
        let mut table = SeriesTable::default();
        let numbers: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        for n in &numbers {
            let labels = [("__name__", "a"), ("n", n.as_str())];
            let id = table.intern(&labels);
            assert_eq!(table.intern(&labels), id);
            assert_eq!(table.find(&labels), Some(id));
            assert!(table.labels(id).eq(labels));
        }
        assert_eq!((table.len(), table.of_metric("a").len()), (500, 500));
        assert_eq!(table.find(&[("__name__", "a")]), None);
    }

    #[test]
    fn the_dead_leave_nothing_and_the_living_keep_their_numbers() {
        let mut table = SeriesTable::default();
        for n in 0..100 {
            table.intern(&[("__name__", "a"), ("n", &n.to_string())]);
        }
        table.retain(|id| id % 10 == 0);
        assert_eq!((table.len(), table.symbols.len()), (10, 13));
        assert_eq!(table.find(&[("__name__", "a"), ("n", "50")]), Some(50));
        assert_eq!(table.find(&[("__name__", "a"), ("n", "51")]), None);
        let new = table.intern(&[("__name__", "b")]);
        assert!(new < 100 && new % 10 != 0);
        assert_eq!(table.ids().count(), 11);
    }
}
