//! A place in a line that moves forward.

use super::Format;
use super::error::Mistake;
use super::labels::Text;

pub(super) struct Scan<'a> {
    line: &'a str,
    at: usize,
    format: Format,
}

impl<'a> Scan<'a> {
    pub(super) fn new(line: &'a str, at: usize, format: Format) -> Self {
        Scan { line, at, format }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.line.len()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Whether `byte` is what was read last.
    pub(super) fn after(&self, byte: u8) -> bool {
        let before = self.at.checked_sub(1);
        before.and_then(|at| self.line.as_bytes().get(at)) == Some(&byte)
    }

    /// Over bytes that somebody else has read.
    pub(super) fn forward(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Mistake> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.mistake(expected))
        }
    }

    pub(super) fn mistake(&self, expected: &'static str) -> Mistake {
        Mistake {
            at: self.at,
            expected,
        }
    }

    /// What separates two words: exactly one blank in OpenMetrics, blanks and tabs in the older text.
    pub(super) fn gap(&mut self) -> bool {
        match self.format {
            Format::OpenMetrics => self.eat(b' '),
            Format::Text => {
                let before = self.at;
                self.blanks();
                self.at > before
            }
        }
    }

    /// Blanks where none are needed; OpenMetrics has none there.
    pub(super) fn blanks(&mut self) {
        if self.format == Format::Text {
            while matches!(self.peek(), Some(b' ' | b'\t')) {
                self.at += 1;
            }
        }
    }

    /// Up to the next blank, or to the end of the line.
    pub(super) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|byte| byte == b' ' || (byte == b'\t' && self.format == Format::Text))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, or any UTF-8 between quotes.
    pub(super) fn metric_name(&mut self) -> Result<Text<'a>, Mistake> {
        if self.peek() == Some(b'"') {
            return self.quoted_name();
        }
        self.bare(true, "a metric name ([a-zA-Z_:][a-zA-Z0-9_:]*)")
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, or any UTF-8 between quotes.
    pub(super) fn label_name(&mut self) -> Result<Text<'a>, Mistake> {
        if self.peek() == Some(b'"') {
            return self.quoted_name();
        }
        self.bare(false, "a label name ([a-zA-Z_][a-zA-Z0-9_]*)")
    }

    fn quoted_name(&mut self) -> Result<Text<'a>, Mistake> {
        let start = self.at;
        let name = self.quoted()?;
        if name.raw().is_empty() {
            return Err(Mistake {
                at: start,
                expected: "a name that is not empty",
            });
        }
        Ok(name)
    }

    fn bare(&mut self, colon: bool, expected: &'static str) -> Result<Text<'a>, Mistake> {
        let rest = self.rest();
        let part =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (colon && byte == b':');
        let end = rest
            .bytes()
            .position(|byte| !part(byte))
            .unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.mistake(expected));
        }
        self.at += end;
        Ok(Text::plain(name))
    }

    /// `"..."` with `\\`, `\"` and `\n` in it.
    pub(super) fn quoted(&mut self) -> Result<Text<'a>, Mistake> {
        let start = self.at;
        self.expect(b'"', "a value in double quotes")?;
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut from = 0;
        let mut escaped = false;
        while let Some(found) = bytes
            .get(from..)
            .and_then(|left| memchr::memchr2(b'"', b'\\', left))
        {
            let place = from + found;
            if bytes.get(place) == Some(&b'"') {
                self.at += place + 1;
                let raw = rest.get(..place).unwrap_or_default();
                return Ok(Text::quoted(raw, escaped));
            }
            escaped = true;
            from = place + 2;
        }
        Err(Mistake {
            at: start,
            expected: "a closing quote",
        })
    }
}
