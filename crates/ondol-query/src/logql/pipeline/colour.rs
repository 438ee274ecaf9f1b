//! Lines without the escapes that give them colours (ECMA-48).

const ESCAPE: char = '\x1b';
const BELL: char = '\x07';

/// The line without its escapes; none when it has none.
pub(super) fn without(line: &str) -> Option<String> {
    let (before, mut rest) = line.split_once(ESCAPE)?;
    let mut out = before.to_owned();
    loop {
        rest = after_escape(rest);
        let Some((text, next)) = rest.split_once(ESCAPE) else {
            out.push_str(rest);
            return Some(out);
        };
        out.push_str(text);
        rest = next;
    }
}

/// What follows an escape whose first character is gone.
fn after_escape(rest: &str) -> &str {
    let after = |end: usize| {
        let last = rest[end..].chars().next().map_or(0, char::len_utf8);
        &rest[end + last..]
    };
    match rest.chars().next() {
        // Parameters, and a letter that ends them.
        Some('[') => match rest[1..].find(|c: char| !(' '..='?').contains(&c)) {
            Some(end) => after(end + 1),
            None => "",
        },
        // A command of the system, such as a title.
        Some(']') => match rest.find([BELL, ESCAPE]) {
            Some(end) if rest[end..].starts_with(BELL) => after(end),
            Some(end) => rest[end + 1..].strip_prefix('\\').unwrap_or(&rest[end..]),
            None => "",
        },
        // A set of characters.
        Some('(' | ')') => after(1),
        Some(c) => &rest[c.len_utf8()..],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_away_and_text_stays() {
        let without = |line| without(line).unwrap();
        assert_eq!(without("\x1b[31;1merror\x1b[0m: x"), "error: x");
        assert_eq!(without("a\x1b]0;title\x07b\x1b]8;;\x1b\\c"), "abc");
        assert_eq!(without("a\x1b(Bb\x1b"), "ab");
        assert_eq!(without("\x1b[38;5;196\u{e9}x"), "x");
        assert_eq!(super::without("plain"), None);
    }
}
