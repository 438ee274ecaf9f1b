//! Numbers for names: what comes again and again is said once.

use std::cmp::Ordering;
use std::sync::Arc;

pub(super) struct Names<T: ?Sized> {
    /// By their numbers. Shared with those who search: what they see of it does not change.
    all: Arc<Vec<Arc<T>>>,
    /// Numbers in the order of the names.
    order: Vec<u32>,
}

impl<T: ?Sized> Default for Names<T> {
    fn default() -> Self {
        Names {
            all: Arc::default(),
            order: Vec::new(),
        }
    }
}

impl<T: ?Sized> Names<T> {
    pub(super) fn all(&self) -> &Arc<Vec<Arc<T>>> {
        &self.all
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of the name that compares as equal, or of the one that is made.
    pub(super) fn number(
        &mut self,
        compare: impl Fn(&T) -> Ordering,
        make: impl FnOnce() -> Arc<T>,
    ) -> u32 {
        match self.place(compare) {
            Ok(number) => number,
            Err(place) => {
                let number = self.all.len() as u32;
                Arc::make_mut(&mut self.all).push(make());
                self.order.insert(place, number);
                number
            }
        }
    }

    /// Whether there is such a name.
    pub(super) fn has(&self, compare: impl Fn(&T) -> Ordering) -> bool {
        self.place(compare).is_ok()
    }

    /// Forgets the last ones, until there are `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.all.len() {
            Arc::make_mut(&mut self.all).truncate(len);
            self.order.retain(|number| (*number as usize) < len);
        }
    }

    /// The number of a name, or its place in the order.
    fn place(&self, compare: impl Fn(&T) -> Ordering) -> Result<u32, usize> {
        let known = |number: &u32| {
            let name = self.all.get(*number as usize);
            name.map_or(Ordering::Less, |name| compare(name))
        };
        let place = self.order.binary_search_by(known)?;
        self.order.get(place).copied().ok_or(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_is_forgotten_when_it_was_said_in_vain() {
        let mut names: Names<str> = Names::default();
        let number = |names: &mut Names<str>, name: &str| {
            names.number(|known| known.cmp(name), || name.into())
        };
        assert_eq!(
            ["b", "a", "c"].map(|name| number(&mut names, name)),
            [0, 1, 2]
        );
        let seen = names.all().clone();
        assert_eq!(number(&mut names, "a"), 1);
        number(&mut names, "aa");
        assert_eq!((seen.len(), names.len()), (3, 4));
        names.truncate(2);
        assert!(names.has(|known| known.cmp("a")) && !names.has(|known| known.cmp("aa")));
        assert_eq!(number(&mut names, "c"), 2);
    }
}
