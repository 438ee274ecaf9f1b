//! JSON, byte by byte (RFC 8259).

use std::borrow::Cow;

use super::{DEPTH_MAX, Malformed, Value};

pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn malformed<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed {
            at: self.at,
            expected,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.take(byte) {
            return Ok(());
        }
        self.malformed(expected)
    }

    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.malformed("the end"),
        }
    }

    pub(super) fn value(&mut self, depth: u32) -> Result<Value<'a>, Malformed> {
        self.skip_space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{') => {
                self.skip_nested(b'}', depth)?;
                Ok(Value::Object(&self.text[start..self.at]))
            }
            Some(b'[') => {
                self.skip_nested(b']', depth)?;
                Ok(Value::Array(&self.text[start..self.at]))
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null").map(|_| Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.malformed("a value"),
        }
    }

    fn skip_nested(&mut self, close: u8, depth: u32) -> Result<(), Malformed> {
        if depth >= DEPTH_MAX {
            return self.malformed("less nesting");
        }
        self.at += 1;
        if self.take(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.string()?;
                self.expect(b':', "a colon")?;
            }
            self.value(depth + 1)?;
            if self.take(close) {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of what is nested")?;
        }
    }

    fn word(&mut self, word: &'static str) -> Result<Value<'a>, Malformed> {
        let start = self.at;
        if !self.text[start..].starts_with(word) {
            return self.malformed("true, false or null");
        }
        self.at += word.len();
        Ok(Value::Plain(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at {
            return self.malformed("a digit");
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value<'a>, Malformed> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return self.malformed("a number that does not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Value::Plain(&self.text[start..self.at]))
    }

    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.expect(b'"', "a text")?;
        let start = self.at;
        let mut built: Option<String> = None;
        let mut plain = start;
        loop {
            match self.peek() {
                None => return self.malformed("the end of a text"),
                Some(b'"') => {
                    let rest = &self.text[plain..self.at];
                    self.at += 1;
                    return Ok(match built {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                Some(b'\\') => {
                    let built = built.get_or_insert_default();
                    built.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    let c = self.escape()?;
                    built.push(c);
                    plain = self.at;
                }
                // Control characters should have been escaped; programs forget it.
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let c = match self.peek() {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.malformed("an escape"),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, Malformed> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.get(self.at..self.at + 4);
        let parsed = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match parsed {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.malformed("four hexadecimal digits"),
        }
    }
}
