//! Text as PromQL and Prometheus' messages quote it.

use std::fmt::{self, Write as _};

/// In double quotes, with Go's escapes, so that both languages' lexers read it back.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0c' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x0b' => f.write_str("\\v")?,
                '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(c))?,
                // Control characters, and what has no look of its own: nobody could tell it from another.
                '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                    write!(f, "\\u{:04x}", u32::from(c))?;
                }
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// What a quoted text stands for. The text has its quotes and was found to be well formed by a lexer, save for the
/// numbers in its escapes. Bytes, because `\xff` may stand for one that is no UTF-8.
pub(crate) fn unquote(quoted: &str) -> Option<Vec<u8>> {
    let quote = quoted.chars().next()?;
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return Some(inner.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape(&rest[at + 1..], &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

/// What follows a backslash; gives what is left after it.
fn unescape<'a>(rest: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let (skip, digits, radix) = match c {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            out.push(simple(c)?);
            return rest.get(c.len_utf8()..);
        }
    };
    let number = u32::from_str_radix(rest.get(skip..skip + digits)?, radix).ok()?;
    if matches!(c, 'u' | 'U') {
        let mut utf8 = [0; 4];
        out.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut utf8).as_bytes());
    } else {
        out.push(u8::try_from(number).ok()?);
    }
    rest.get(skip + digits..)
}

fn simple(c: char) -> Option<u8> {
    Some(match c {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '\'' | '"' => u8::try_from(c).ok()?,
        _ => return None,
    })
}

/// Bytes in double quotes; those that are no UTF-8 as `\xff`.
pub(crate) struct QuotedBytes<'a>(pub(crate) &'a [u8]);

impl fmt::Display for QuotedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            let shown = Quoted(chunk.valid()).to_string();
            f.write_str(&shown[1..shown.len() - 1])?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_quoted_reads_back() {
        let text = "a\"b\\c\n\t\u{7f}\u{e9}\u{200b}";
        assert_eq!(
            unquote(&Quoted(text).to_string()),
            Some(text.as_bytes().to_vec())
        );
        let bytes = b"a\xc5z";
        assert_eq!(QuotedBytes(bytes).to_string(), r#""a\xc5z""#);
        assert_eq!(unquote(r#""a\xc5z""#), Some(bytes.to_vec()));
        assert_eq!(unquote(r"'\u00e9\101'"), Some("\u{e9}A".into()));
        assert_eq!(unquote(r"`a\n`"), Some(br"a\n".to_vec()));
    }
}
