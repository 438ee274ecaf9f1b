//! Texts that come again and again, each kept once.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hash::hash;

/// A text by its number.
pub(super) type Symbol = u32;

#[derive(Clone, Default)]
pub(super) struct Symbols {
    text: String,
    /// Where each ends; it begins where the one before ends.
    ends: Vec<u32>,
    by_text: HashTable<Symbol>,
}

impl Symbols {
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        let (all, ends) = (&self.text, &self.ends);
        let entry = self.by_text.entry(
            hash(text.as_bytes()),
            |symbol| slice(all, ends, *symbol) == text,
            |symbol| hash(slice(all, ends, *symbol).as_bytes()),
        );
        match entry {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let symbol = self.ends.len() as Symbol;
                entry.insert(symbol);
                self.text.push_str(text);
                self.ends.push(self.text.len() as u32);
                symbol
            }
        }
    }

    pub(super) fn find(&self, text: &str) -> Option<Symbol> {
        let same = |symbol: &Symbol| self.get(*symbol) == text;
        self.by_text.find(hash(text.as_bytes()), same).copied()
    }

    pub(super) fn get(&self, symbol: Symbol) -> &str {
        slice(&self.text, &self.ends, symbol)
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.by_text.allocation_size()
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], symbol: Symbol) -> &'a str {
    let at = symbol as usize;
    let start = at.checked_sub(1).and_then(|before| ends.get(before));
    let end = ends.get(at).copied().unwrap_or_default() as usize;
    text.get(start.copied().unwrap_or_default() as usize..end)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_found_again() {
        let mut symbols = Symbols::default();
        let texts: Vec<String> = (0..1000).map(|n| format!("text {}", n % 300)).collect();
        let numbers: Vec<Symbol> = texts.iter().map(|text| symbols.intern(text)).collect();
        assert_eq!(symbols.len(), 300);
        for (text, symbol) in texts.iter().zip(numbers) {
            assert_eq!(symbols.get(symbol), text);
            assert_eq!(symbols.find(text), Some(symbol));
        }
        assert_eq!(symbols.find(""), None);
    }
}
