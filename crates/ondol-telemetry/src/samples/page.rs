//! What is remembered of a target's page: which text is which column, so that no label is parsed twice.

use hashbrown::HashTable;

use super::hash::hash;

pub(super) struct PageMemory {
    /// What the page says about its metrics is not known, or not all of it.
    pub(super) learns: bool,
    keys: String,
    entries: Vec<Entry>,
    by_key: HashTable<u32>,
}

impl Default for PageMemory {
    fn default() -> Self {
        PageMemory {
            learns: true,
            keys: String::new(),
            entries: Vec::new(),
            by_key: HashTable::new(),
        }
    }
}

/// A series as the page writes it.
#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    len: u32,
    column: u32,
}

impl PageMemory {
    /// The entry at this place: pages keep their order, so it is most likely what comes next.
    pub(super) fn at(&self, place: usize) -> Option<(&str, usize)> {
        let entry = self.entries.get(place)?;
        Some((key(&self.keys, entry), entry.column as usize))
    }

    /// Place and column of a series.
    pub(super) fn find(&self, series: &str) -> Option<(usize, usize)> {
        let same = |place: &u32| {
            self.at(*place as usize)
                .is_some_and(|(key, _)| key == series)
        };
        let place = *self.by_key.find(hash(series.as_bytes()), same)? as usize;
        Some((place, self.at(place)?.1))
    }

    /// Remembers a series that is new; returns its place.
    pub(super) fn insert(&mut self, series: &str, column: usize) -> usize {
        let place = self.entries.len();
        self.entries.push(Entry {
            start: self.keys.len() as u32,
            len: series.len() as u32,
            column: column as u32,
        });
        self.keys.push_str(series);
        let (keys, entries) = (&self.keys, &self.entries);
        let hash_at = |place: &u32| {
            let entry = entries.get(*place as usize);
            hash(entry.map_or("", |entry| key(keys, entry)).as_bytes())
        };
        self.by_key
            .insert_unique(hash(series.as_bytes()), place as u32, hash_at);
        place
    }

    /// Columns moved, or are gone: so are their texts.
    pub(super) fn moved(&mut self, places: &[Option<u32>]) {
        let before = std::mem::take(self);
        for entry in &before.entries {
            let column = places.get(entry.column as usize).copied().flatten();
            if let Some(column) = column {
                self.insert(key(&before.keys, entry), column as usize);
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.keys.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.by_key.allocation_size()
    }
}

fn key<'a>(keys: &'a str, entry: &Entry) -> &'a str {
    let start = entry.start as usize;
    keys.get(start..start + entry.len as usize)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lead_to_columns_also_after_columns_moved() {
        let mut memory = PageMemory::default();
        for n in 0..200 {
            assert_eq!(memory.insert(&format!("a{{n=\"{n}\"}}"), n), n);
        }
        assert_eq!(memory.find("a{n=\"77\"}"), Some((77, 77)));
        let places: Vec<Option<u32>> = (0..200).map(|n| (n >= 50).then(|| n - 50)).collect();
        memory.moved(&places);
        assert_eq!(memory.find("a{n=\"77\"}"), Some((27, 27)));
        assert_eq!(memory.find("a{n=\"7\"}"), None);
        assert_eq!(memory.at(27), Some(("a{n=\"77\"}", 27)));
    }
}
