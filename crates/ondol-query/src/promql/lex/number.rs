//! Numbers and durations.

use super::super::token::Kind;
use super::Lexer;

impl Lexer<'_> {
    /// Decimal, hexadecimal, or a duration such as `1h30m`. Nothing alphanumeric may follow.
    pub(super) fn number(&mut self) -> Kind {
        let rest = self.rest();
        if let Some(length) = number(rest).filter(|length| ends(rest, *length)) {
            return self.take(length, Kind::Number);
        }
        if let Some(length) = duration(rest).filter(|length| ends(rest, *length)) {
            return self.take(length, Kind::Duration);
        }
        let shown = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .unwrap_or(rest.len());
        Kind::Wrong(format!(
            "bad number or duration syntax: {}",
            crate::quote::Quoted(&rest[..shown])
        ))
    }
}

fn ends(rest: &str, length: usize) -> bool {
    !rest[length..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

fn run(text: &[u8], from: usize, of_run: impl Fn(u8) -> bool) -> usize {
    text[from..]
        .iter()
        .take_while(|byte| of_run(**byte))
        .count()
}

/// Digits, with single underscores between them.
fn digits(text: &[u8], mut at: usize, of_digit: fn(&u8) -> bool) -> Option<usize> {
    loop {
        let length = run(text, at, |byte| of_digit(&byte));
        at += length;
        if length == 0 {
            return None;
        }
        if text.get(at) != Some(&b'_') {
            return Some(at);
        }
        at += 1;
    }
}

/// How many bytes of a number the text begins with.
fn number(rest: &str) -> Option<usize> {
    let text = rest.as_bytes();
    if text.len() > 2 && text[0] == b'0' && matches!(text[1], b'x' | b'X') {
        let from = if text[2] == b'_' { 3 } else { 2 };
        return digits(text, from, u8::is_ascii_hexdigit);
    }
    let mut at = 0;
    if text.first() != Some(&b'.') {
        at = digits(text, 0, u8::is_ascii_digit)?;
    }
    if text.get(at) == Some(&b'.') {
        at += 1;
        if text.get(at).is_some_and(u8::is_ascii_digit) {
            at = digits(text, at, u8::is_ascii_digit)?;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(text, at + 1 + sign, u8::is_ascii_digit)?;
    }
    Some(at)
}

/// How many bytes of a duration the text begins with. Whether its units are in order is seen when it is read.
fn duration(rest: &str) -> Option<usize> {
    let text = rest.as_bytes();
    let mut at = 0;
    loop {
        let length = run(text, at, |byte| byte.is_ascii_digit());
        if length == 0 {
            return (at > 0).then_some(at);
        }
        at += length;
        if !matches!(text.get(at), Some(b's' | b'm' | b'h' | b'd' | b'w' | b'y')) {
            return None;
        }
        at += 1;
        if text.get(at) == Some(&b's') {
            at += 1;
        }
    }
}
