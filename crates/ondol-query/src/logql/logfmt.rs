//! Pairs of `key=value` in a line; values with spaces in double quotes.

use std::borrow::Cow;
use std::fmt;

/// A key and its value; a key that stands alone has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    pub(super) value: Option<Cow<'a, str>>,
}

/// A pair that is none: what was unexpected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    at: usize,
    what: char,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unexpected {} at byte {}; expected key=value",
            crate::quote::Quoted(self.what.encode_utf8(&mut [0; 4])),
            self.at + 1
        )
    }
}

/// The pairs of a line in order, with an error in place of each that is malformed.
pub(super) fn pairs(line: &str) -> impl Iterator<Item = Result<Pair<'_>, Malformed>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &line[at..];
        at += rest.find(|c: char| c > ' ')?;
        let (pair, length) = pair(&line[at..]);
        let start = at;
        at += length;
        Some(pair.map_err(|malformed| Malformed {
            at: start + malformed.at,
            ..malformed
        }))
    })
}

/// The pair at the beginning of a text, and where the next one may begin.
fn pair(text: &str) -> (Result<Pair<'_>, Malformed>, usize) {
    let end_of_word = |from: usize| {
        text[from..]
            .find(|c: char| c <= ' ')
            .map_or(text.len(), |end| from + end)
    };
    let malformed = |at: usize, what: char| (Err(Malformed { at, what }), end_of_word(at));
    let key_end = text
        .find(|c: char| c <= ' ' || matches!(c, '=' | '"'))
        .unwrap_or(text.len());
    let key = &text[..key_end];
    let after = &text[key_end..];
    if after.starts_with('"') || key.is_empty() {
        return malformed(key_end, after.chars().next().unwrap_or('='));
    }
    let Some(value) = after.strip_prefix('=') else {
        return (Ok(Pair { key, value: None }), key_end);
    };
    let start = key_end + 1;
    if value.starts_with('"') {
        return match quoted(value) {
            Some((_, length)) if text[start + length..].starts_with(|c: char| c > ' ') => {
                let next = text[start + length..].chars().next().unwrap_or(' ');
                malformed(start + length, next)
            }
            Some((value, length)) => (
                Ok(Pair {
                    key,
                    value: Some(value),
                }),
                start + length,
            ),
            // The text never ends.
            None => (
                Err(Malformed {
                    at: start,
                    what: '"',
                }),
                text.len(),
            ),
        };
    }
    let end = end_of_word(start);
    let value = &text[start..end];
    if let Some(at) = value.find(['=', '"']) {
        return malformed(start + at, value[at..].chars().next().unwrap_or('='));
    }
    let value = (!value.is_empty()).then_some(Cow::Borrowed(value));
    (Ok(Pair { key, value }), end)
}

/// What a text in double quotes stands for, and its length with them.
fn quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let mut escaped = false;
    let mut has_escapes = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => (escaped, has_escapes) = (true, true),
            '"' => {
                let inner = &text[1..at];
                let value = if has_escapes {
                    let value = crate::quote::unquote(&text[..=at])?;
                    Cow::Owned(String::from_utf8_lossy(&value).into_owned())
                } else {
                    Cow::Borrowed(inner)
                };
                return Some((value, at + 1));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<String> {
        let shown = |pair: Result<Pair<'_>, Malformed>| match pair {
            Ok(Pair { key, value: None }) => key.to_owned(),
            Ok(Pair {
                key,
                value: Some(value),
            }) => format!("{key}={value}"),
            Err(error) => format!("! {error}"),
        };
        pairs(line).map(shown).collect()
    }

    #[test]
    fn pairs_are_read_in_order() {
        assert_eq!(
            read(r#"at=info path=/ fwd="a b" msg="say \"hi\"" alone empty= n=""  "#),
            [
                "at=info",
                "path=/",
                "fwd=a b",
                "msg=say \"hi\"",
                "alone",
                "empty",
                "n="
            ]
        );
    }

    #[test]
    fn a_malformed_pair_is_told_and_the_next_one_read() {
        assert_eq!(
            read("a=1 =value foo=bar=buzz fo\"o=bar b=2"),
            [
                "a=1",
                "! unexpected \"=\" at byte 5; expected key=value",
                "! unexpected \"=\" at byte 19; expected key=value",
                "! unexpected \"\\\"\" at byte 27; expected key=value",
                "b=2"
            ]
        );
        assert_eq!(
            read("a=\"open b=2"),
            ["! unexpected \"\\\"\" at byte 3; expected key=value"]
        );
    }
}
