//! One request being taken in: its limits, and what of it was dropped so far.

use std::borrow::Cow;

use crate::{Dropped, Limits, Pair};

pub(crate) struct Taking<'l> {
    pub(crate) limits: &'l Limits,
    pub(crate) dropped: Dropped,
    items: usize,
}

impl<'l> Taking<'l> {
    pub(crate) fn new(limits: &'l Limits) -> Self {
        Taking {
            limits,
            dropped: Dropped::default(),
            items: 0,
        }
    }

    /// Whether there is room for one more; counts it either way.
    pub(crate) fn admits(&mut self) -> bool {
        let has_room = self.items < self.limits.items_max;
        if has_room {
            self.items += 1;
        } else {
            self.dropped.refuse("the request has too many items");
        }
        has_room
    }

    pub(crate) fn name(&mut self, bytes: &[u8]) -> String {
        self.text(bytes, self.limits.name_bytes_max)
    }

    pub(crate) fn value(&mut self, bytes: &[u8]) -> String {
        self.text(bytes, self.limits.value_bytes_max)
    }

    pub(crate) fn line(&mut self, bytes: &[u8]) -> String {
        self.text(bytes, self.limits.line_bytes_max)
    }

    /// Adds a field, if there is room.
    pub(crate) fn add<T>(&mut self, fields: &mut Vec<T>, field: T) {
        if fields.len() < self.limits.fields_max {
            fields.push(field);
        } else {
            self.dropped.fields += 1;
        }
    }

    /// Adds a field unless one of this name is there.
    pub(crate) fn add_new(&mut self, fields: &mut Vec<Pair>, name: &str, value: String) {
        if !fields.iter().any(|(known, _)| known == name) {
            self.add(fields, (name.to_owned(), value));
        }
    }

    fn text(&mut self, bytes: &[u8], bytes_max: usize) -> String {
        // What is cut is not looked at: a long text costs no more than a short one.
        let cut = bytes.get(..bytes_max).filter(|cut| cut.len() < bytes.len());
        let text = match std::str::from_utf8(cut.unwrap_or(bytes)) {
            Ok(text) => Cow::Borrowed(text),
            // Only the last character was cut in two.
            Err(error) if cut.is_some() && error.error_len().is_none() => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                String::from_utf8_lossy(whole)
            }
            Err(_) => {
                self.dropped.mended += 1;
                String::from_utf8_lossy(cut.unwrap_or(bytes))
            }
        };
        self.dropped.cut += u64::from(cut.is_some());
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_mended() {
        let limits = Limits {
            name_bytes_max: 4,
            ..Limits::default()
        };
        let mut taking = Taking::new(&limits);
        assert_eq!(taking.name("abc\u{e9}f".as_bytes()), "abc");
        assert_eq!(taking.name(b"abcd"), "abcd");
        assert_eq!(taking.dropped.cut, 1);
        assert_eq!(taking.name(b"a\xffb"), "a\u{fffd}b");
        assert_eq!((taking.dropped.cut, taking.dropped.mended), (1, 1));
    }

    #[test]
    fn what_is_too_many_is_counted_with_a_reason() {
        let limits = Limits {
            items_max: 1,
            fields_max: 1,
            ..Limits::default()
        };
        let mut taking = Taking::new(&limits);
        assert!(taking.admits() && !taking.admits() && !taking.admits());
        let mut fields = Vec::new();
        taking.add_new(&mut fields, "a", "1".to_owned());
        taking.add_new(&mut fields, "a", "2".to_owned());
        taking.add_new(&mut fields, "b", "2".to_owned());
        assert_eq!(fields, [("a".to_owned(), "1".to_owned())]);
        assert_eq!((taking.dropped.items, taking.dropped.fields), (2, 1));
        assert!(taking.dropped.reason.is_some());
    }
}
