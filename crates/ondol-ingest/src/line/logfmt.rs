//! Fields of a line that has `name=value` in it, alone or among other words.

use std::borrow::Cow;

use super::Lifting;

/// Takes all pairs.
pub(super) fn lift(text: &str, into: &mut Lifting) {
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let start = before.rfind(|c: char| !is_name(c)).map_or(0, |at| {
            at + before
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(1, char::len_utf8)
        });
        let name = before.get(start..).unwrap_or_default();
        // `a?b=c&d=e` is an address, not fields.
        let outside = before
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let stands_alone = outside.is_none_or(|c| c.is_whitespace() || "[({,;|".contains(c));
        let begins_well =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '@');
        if !stands_alone || !begins_well {
            rest = after;
            continue;
        }
        let (value, end) = value(after);
        into.take(name, &value);
        rest = after.get(end..).unwrap_or_default();
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-@/".contains(c)
}

/// The value at the beginning of a text, and where it ends.
fn value(text: &str) -> (Cow<'_, str>, usize) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let value = text.get(..end).unwrap_or_default();
        return (
            value
                .trim_end_matches([',', ';', ']', ')', '}', '|'])
                .into(),
            end,
        );
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value.into(), at + 2),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c)) => value.push(c),
                None => break,
            },
            c => value.push(c),
        }
    }
    // A quote that nobody closed.
    (value.into(), text.len())
}
