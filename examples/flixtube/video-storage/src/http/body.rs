//! The body of a request, by length or in chunks, exactly to its end.

use std::io::{self, BufRead, Read, Write};

use super::line::{read_line, Fault};

const SIZE_LINE_BYTES_MAX: u64 = 1024;
const TRAILER_BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

pub struct Body<'a> {
    from: &'a mut dyn BufRead,
    framing: Framing,
    next: Next,
    /// Where a client waits to hear that its body is welcome.
    waiting: Option<&'a mut dyn Write>,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Next {
    Bytes(u64),
    Size,
    Chunk(u64),
    End,
    /// Whatever follows belongs to no request.
    Broken,
}

impl<'a> Body<'a> {
    pub fn new(from: &'a mut dyn BufRead, framing: Framing, waiting: Option<&'a mut dyn Write>) -> Self {
        let next = match framing {
            Framing::None | Framing::Length(0) => Next::End,
            Framing::Length(length) => Next::Bytes(length),
            Framing::Chunked => Next::Size,
        };
        Self { from, framing, next, waiting }
    }

    /// The length that the client announced.
    pub fn declared(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked => None,
        }
    }

    /// Whether the next request begins here.
    pub fn at_end(&self) -> bool {
        self.next == Next::End
    }

    /// Whether reading on leads to the next request. It does not when the body is broken, nor when
    /// the client still holds it back and may well keep it.
    pub fn may_end(&self) -> bool {
        self.at_end() || (self.next != Next::Broken && self.waiting.is_none())
    }

    fn size(&mut self) -> Result<u64, Fault> {
        let line = read_line(self.from, &mut SIZE_LINE_BYTES_MAX.clone())?;
        let digits = line.split(';').next().unwrap_or_default().trim_end();
        match u64::from_str_radix(digits, 16) {
            Ok(size) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(size),
            _ => Err(Fault::Refused(400, "that is not the size of a chunk")),
        }
    }

    fn chunk_end(&mut self) -> Result<(), Fault> {
        match read_line(self.from, &mut 2)?.as_str() {
            "" => Ok(()),
            _ => Err(Fault::Refused(400, "a chunk is longer than it says")),
        }
    }

    fn trailer(&mut self) -> Result<(), Fault> {
        let mut budget = TRAILER_BYTES_MAX;
        while !read_line(self.from, &mut budget)?.is_empty() {}
        Ok(())
    }
}

impl Body<'_> {
    fn step(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(client) = self.waiting.take() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        loop {
            match self.next {
                Next::End => return Ok(0),
                Next::Broken => return Err(io::ErrorKind::InvalidData.into()),
                Next::Bytes(left) => {
                    let count = some(self.from, into, left)?;
                    self.next = if count == left { Next::End } else { Next::Bytes(left - count) };
                    return Ok(count as usize);
                }
                Next::Size => match self.size().map_err(broken)? {
                    0 => {
                        self.trailer().map_err(broken)?;
                        self.next = Next::End;
                    }
                    size => self.next = Next::Chunk(size),
                },
                Next::Chunk(left) => {
                    let count = some(self.from, into, left)?;
                    self.next = Next::Chunk(left - count);
                    if count == left {
                        self.chunk_end().map_err(broken)?;
                        self.next = Next::Size;
                    }
                    return Ok(count as usize);
                }
            }
        }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.at_end() {
            return Ok(0);
        }
        let result = self.step(into);
        if matches!(&result, Err(error) if error.kind() != io::ErrorKind::Interrupted) {
            self.next = Next::Broken;
        }
        result
    }
}

/// At least one byte and at most `left`.
fn some(from: &mut dyn BufRead, into: &mut [u8], left: u64) -> io::Result<u64> {
    let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
    match from.read(&mut into[..most])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count as u64),
    }
}

fn broken(fault: Fault) -> io::Error {
    match fault {
        Fault::Gone => io::ErrorKind::UnexpectedEof.into(),
        Fault::Refused(_, why) => io::Error::new(io::ErrorKind::InvalidData, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the body is, or that it is broken; and what follows it.
    fn read(text: &str, framing: Framing) -> (Option<String>, String) {
        let mut from = text.as_bytes();
        let mut whole = String::new();
        let mut body = Body::new(&mut from, framing, None);
        let good = body.read_to_string(&mut whole).is_ok();
        assert_eq!((good, good), (body.at_end(), body.may_end()));
        (good.then_some(whole), String::from_utf8(from.to_vec()).unwrap())
    }

    #[track_caller]
    fn good(text: &str, framing: Framing, expected: &str) {
        assert_eq!(read(text, framing), (Some(expected.into()), "NEXT".into()));
    }

    #[test]
    fn a_length_is_kept_to() {
        good("abcNEXT", Framing::Length(3), "abc");
        good("NEXT", Framing::Length(0), "");
        good("NEXT", Framing::None, "");
        assert_eq!(read("ab", Framing::Length(3)).0, None);
    }

    #[test]
    fn chunks_are_joined() {
        good("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\nNEXT", Framing::Chunked, "abc0123456789");
        good("0003\r\nabc\r\n0\r\nTrailer: x\r\n\r\nNEXT", Framing::Chunked, "abc");
        good("0\r\n\r\nNEXT", Framing::Chunked, "");
    }

    #[test]
    fn broken_chunks_are_refused() {
        let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(2_000));
        for text in [
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            "g\r\n",
            "10000000000000000\r\nabc",
            "3\r\nab",
            "3\r\nabc\r\n",
            "3\r\nabc\r\n0\r\n",
            long.as_str(),
        ] {
            assert_eq!(read(text, Framing::Chunked).0, None, "{text:?}");
        }
    }

    #[test]
    fn only_a_body_that_is_read_is_asked_for() {
        let (mut from, mut told) = (&b"abc"[..], Vec::new());
        assert!(!Body::new(&mut from, Framing::Length(3), Some(&mut told)).at_end());
        assert_eq!(told, b"");
        let mut body = Body::new(&mut from, Framing::Length(3), Some(&mut told));
        assert_eq!(body.read(&mut [0; 2]).unwrap() + body.read(&mut [0; 2]).unwrap(), 3);
        assert_eq!(told, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
}
