//! Texts in quotes.

use super::super::token::Kind;
use super::Lexer;

impl Lexer<'_> {
    /// In single or double quotes, with escapes, on one line.
    pub(super) fn string(&mut self, quote: char) -> Kind {
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' => {
                    let escape = &rest[at + 1..];
                    if let Err(reason) = check_escape(escape, quote) {
                        return Kind::Wrong(reason);
                    }
                    chars.next();
                }
                _ if c == quote => return self.take(at + 1, Kind::String),
                _ => {}
            }
        }
        Kind::Wrong("unterminated quoted string".to_owned())
    }

    /// In backquotes, as it is.
    pub(super) fn raw_string(&mut self) -> Kind {
        match self.rest()[1..].find('`') {
            Some(length) => self.take(length + 2, Kind::String),
            None => Kind::Wrong("unterminated raw string".to_owned()),
        }
    }
}

fn check_escape(escape: &str, quote: char) -> Result<(), String> {
    let Some(c) = escape.chars().next() else {
        return Err("escape sequence not terminated".to_owned());
    };
    let (skip, length, radix, most) = match c {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        _ if c == quote => return Ok(()),
        '0'..='7' => (0, 3, 8, 255),
        'x' => (1, 2, 16, 255),
        'u' => (1, 4, 16, 0x0010_ffff),
        'U' => (1, 8, 16, 0x0010_ffff),
        _ => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    let mut value = 0_u32;
    let mut chars = escape.chars().skip(skip);
    for _ in 0..length {
        let Some(c) = chars.next() else {
            return Err("escape sequence not terminated".to_owned());
        };
        let Some(digit) = c.to_digit(radix) else {
            let shown = code_point(c);
            return Err(format!("illegal character {shown} in escape sequence"));
        };
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    if value > most || (0xd800..0xe000).contains(&value) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(())
}

/// `U+0041 'A'`, as Go's `%#U` shows it.
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}
