//! Text to words.

use crate::Place;

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    End,
    /// The text goes on, but not as this language. Says why.
    Wrong(String),
    /// Letters; a keyword only where one can stand.
    Word,
    /// `--strict`
    Flag,
    /// In quotes.
    Text,
    Number(f64),
    /// In nanoseconds.
    Duration(i64),
    Bytes(u64),
    Sign(&'static str),
}

/// Signs, those first that begin with another.
const SIGNS: [&str; 29] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "|", "=", ">", "<", "{", "}", "(",
    ")", "[", "]", ",", "+", "-", "*", "/", "%", "^", ".", ":",
];

/// The words of a query, with one that says that it ends. After one that is wrong there are no more.
pub(super) fn words(text: &str) -> Vec<Token> {
    let (mut words, mut at) = (Vec::new(), 0);
    loop {
        at = skip_space(text, at);
        let (kind, length) = word(&text[at..]);
        let last = matches!(kind, Kind::End | Kind::Wrong(_));
        words.push(Token {
            kind,
            place: Place::new(at, at + length),
        });
        at += length;
        if last {
            return words;
        }
    }
}

/// Space and comments.
fn skip_space(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start_matches([' ', '\t', '\n', '\r']);
        at = text.len() - rest.len();
        if !rest.starts_with('#') {
            return at;
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

fn word(rest: &str) -> (Kind, usize) {
    let Some(first) = rest.chars().next() else {
        return (Kind::End, 0);
    };
    match first {
        '"' | '`' => quoted(rest, first),
        '0'..='9' => quantity(rest),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => quantity(rest),
        'a'..='z' | 'A'..='Z' | '_' => {
            let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            (Kind::Word, rest.find(|c| !of_word(c)).unwrap_or(rest.len()))
        }
        '-' if rest.starts_with("--")
            && rest[2..].starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            let of_flag = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (Kind::Flag, rest.find(|c| !of_flag(c)).unwrap_or(rest.len()))
        }
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => (Kind::Sign(sign), sign.len()),
            None => (
                Kind::Wrong(format!(
                    "the character {} means nothing here",
                    crate::quote::Quoted(first.encode_utf8(&mut [0; 4]))
                )),
                first.len_utf8(),
            ),
        },
    }
}

fn quoted(rest: &str, quote: char) -> (Kind, usize) {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\n' if quote == '"' => break,
            _ if c == quote => return (Kind::Text, at + 1),
            _ => {}
        }
    }
    (
        Kind::Wrong(format!("a text begins with {quote} and does not end")),
        rest.len(),
    )
}

/// A number, a length of time or a number of bytes.
fn quantity(rest: &str) -> (Kind, usize) {
    let of_quantity =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '\u{b5}' | '\u{3bc}');
    let mut end = rest.find(|c| !of_quantity(c)).unwrap_or(rest.len());
    let signed_exponent = rest[..end].ends_with(['e', 'E'])
        && !rest.starts_with("0x")
        && rest[end..].starts_with(['+', '-'])
        && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit());
    if signed_exponent {
        let digits = rest[end + 1..].find(|c: char| !c.is_ascii_digit());
        end = digits.map_or(rest.len(), |digits| end + 1 + digits);
    }
    let text = &rest[..end];
    let kind = if let Some(value) = crate::number::parse(text) {
        Kind::Number(value)
    } else if let Some(ns) = super::duration::parse(text) {
        Kind::Duration(ns)
    } else if let Some(bytes) = super::size::parse(text) {
        Kind::Bytes(bytes)
    } else {
        Kind::Wrong(format!(
            "{text} is neither a number, nor a duration such as 1h30m, nor a size such as 20MB"
        ))
    };
    (kind, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        words(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn quantities_are_told_apart_by_their_units() {
        assert_eq!(
            kinds("1.5 1e-3 250ms 1h30m 20KB 1.5KiB 5m"),
            [
                Kind::Number(1.5),
                Kind::Number(0.001),
                Kind::Duration(250_000_000),
                Kind::Duration(5_400_000_000_000),
                Kind::Bytes(20_000),
                Kind::Bytes(1536),
                Kind::Duration(300_000_000_000),
                Kind::End,
            ]
        );
    }

    #[test]
    fn comments_end_with_their_line() {
        assert_eq!(
            kinds("| json # a comment | logfmt\n != `a\"` --strict"),
            [
                Kind::Sign("|"),
                Kind::Word,
                Kind::Sign("!="),
                Kind::Text,
                Kind::Flag,
                Kind::End
            ]
        );
    }

    #[test]
    fn what_is_no_word_is_said() {
        for text in ["\"abc", "`abc", "5parsecs", "\u{20ac}", "\"a\nb\""] {
            assert!(matches!(kinds(text).last(), Some(Kind::Wrong(_))), "{text}");
        }
    }
}
