use std::ops::Range;

use memchr::memchr;

use super::Fault;
use super::body::Body;

/// Empty lines before a request that are read over (RFC 9112, section 2.2).
const EMPTY_LINES_MAX: u8 = 2;
/// Digits of a length that fit into 64 bits.
const LENGTH_DIGITS_MAX: usize = 18;

/// What the lines of a head have said so far. Each line is looked at once, however it arrives.
#[derive(Default)]
pub(super) struct Head {
    /// Bytes of the lines that were read.
    read: u32,
    /// Bytes in which no line end was found yet.
    searched: u32,
    empty_lines: u8,
    line: Option<Line>,
    length: Option<u64>,
    chunked: bool,
    host: Option<Place>,
    /// A name has `_`.
    pub underscores: bool,
}

/// What the request line said.
struct Line {
    old: bool,
    /// GET, HEAD or DELETE.
    bodiless: bool,
    /// The host that the target names.
    authority: Option<Place>,
}

/// A range within a head, which is never as long as that: one is kept for every connection.
#[derive(Clone, Copy)]
struct Place(u32, u32);

impl Place {
    fn of(range: Range<usize>) -> Self {
        Place(range.start as u32, range.end as u32)
    }

    fn range(self) -> Range<usize> {
        self.0 as usize..self.1 as usize
    }
}

type Complete = (usize, Option<Body>);

impl Head {
    /// Looks at a head from its first byte on. Complete, it says its length and what follows; until then, call it again
    /// with more.
    pub(super) fn read(&mut self, bytes: &[u8], max: usize) -> Result<Option<Complete>, Fault> {
        while let Some(end) = memchr(b'\n', &bytes[self.searched as usize..]) {
            let end = self.searched as usize + end;
            if end >= max {
                return Err(Fault::TooLarge);
            }
            let start = self.read as usize;
            (self.read, self.searched) = (end as u32 + 1, end as u32 + 1);
            let Some(line) = bytes[start..end].strip_suffix(b"\r") else {
                return Err(Fault::LineEnd);
            };
            if self.line.is_none() {
                self.first(line, start)?;
            } else if line.is_empty() {
                return self.complete(bytes).map(Some);
            } else {
                self.header(line, start)?;
            }
        }
        self.searched = bytes.len() as u32;
        match bytes.len() >= max {
            true => Err(Fault::TooLarge),
            false => Ok(None),
        }
    }

    fn first(&mut self, line: &[u8], start: usize) -> Result<(), Fault> {
        if line.is_empty() {
            self.empty_lines += 1;
            return match self.empty_lines > EMPTY_LINES_MAX {
                true => Err(Fault::RequestLine),
                false => Ok(()),
            };
        }
        let method_end = memchr(b' ', line).ok_or(Fault::RequestLine)?;
        let (method, rest) = (&line[..method_end], &line[method_end + 1..]);
        let target_end = memchr(b' ', rest).ok_or(Fault::RequestLine)?;
        let (target, version) = (&rest[..target_end], &rest[target_end + 1..]);
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) || target.is_empty() {
            return Err(Fault::RequestLine);
        }
        let old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ if names_http(line) => return Err(Fault::Version),
            _ => return Err(Fault::NotHttp),
        };
        if !is_target(target) || !has_form(method, target) {
            return Err(Fault::Target);
        }
        let authority = authority(target).map(|range| {
            let before = start + method_end + 1;
            Place::of(before + range.start..before + range.end)
        });
        self.line = Some(Line {
            old,
            bodiless: matches!(method, b"GET" | b"HEAD" | b"DELETE"),
            authority,
        });
        Ok(())
    }

    fn header(&mut self, line: &[u8], start: usize) -> Result<(), Fault> {
        if matches!(line[0], b' ' | b'\t') {
            return Err(Fault::Fold);
        }
        let colon = memchr(b':', line).ok_or(Fault::HeaderName)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Fault::HeaderName);
        }
        self.underscores |= memchr(b'_', name).is_some();
        if !is_value(value) {
            return Err(match value.contains(&b'\r') {
                true => Fault::LineEnd,
                false => Fault::HeaderValue,
            });
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value, start + colon + 1),
            14 if is_called(name, b"content-length") => self.length(value),
            17 if is_called(name, b"transfer-encoding") => self.encoding(value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8], start: usize) -> Result<(), Fault> {
        let host = trimmed(value);
        // A tab is white space to some, and a part of the name to others.
        let unclear = value.contains(&b'\t');
        if unclear || self.host.is_some() || !is_host(&value[host.clone()]) {
            return Err(Fault::Host);
        }
        self.host = Some(Place::of(start + host.start..start + host.end));
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits = &value[trimmed(value)];
        let fits = (1..=LENGTH_DIGITS_MAX).contains(&digits.len());
        if self.length.is_some() || !fits || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Length);
        }
        let number = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
        self.length = Some(digits.iter().fold(0, number));
        Ok(())
    }

    fn encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked || !value[trimmed(value)].eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::Encoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn complete(&self, bytes: &[u8]) -> Result<Complete, Fault> {
        let Some(line) = &self.line else {
            return Err(Fault::RequestLine);
        };
        if self.chunked && self.length.is_some() {
            return Err(Fault::LengthAndEncoding);
        }
        if self.chunked && line.old {
            return Err(Fault::Encoding);
        }
        let has_body = self.chunked || self.length.is_some_and(|length| length > 0);
        if has_body && line.old && line.bodiless {
            return Err(Fault::Body);
        }
        if let (Some(authority), Some(host)) = (&line.authority, &self.host)
            && !bytes[authority.range()].eq_ignore_ascii_case(&bytes[host.range()])
        {
            return Err(Fault::Host);
        }
        let body = match (self.chunked, self.length) {
            (true, _) => Some(Body::chunked()),
            (false, Some(length)) if length > 0 => Some(Body::of(length)),
            _ => None,
        };
        Ok((self.read as usize, body))
    }
}

/// A path, a URI, `*` or, to connect, a host: the four forms of RFC 9112, section 3.2.
fn has_form(method: &[u8], target: &[u8]) -> bool {
    match target[0] {
        b'/' => true,
        b'*' => target == b"*" && method == b"OPTIONS",
        _ => method == b"CONNECT" || authority(target).is_some_and(|host| !host.is_empty()),
    }
}

/// Whether a line says anywhere that it is of some version of HTTP.
fn names_http(line: &[u8]) -> bool {
    line.windows(5)
        .any(|bytes| bytes.eq_ignore_ascii_case(b"HTTP/"))
}

/// The name itself, or with `_` for `-`, which some servers take for the same.
fn is_called(name: &[u8], wanted: &[u8]) -> bool {
    let same = |(byte, wanted): (&u8, &u8)| {
        byte.to_ascii_lowercase() == *wanted || (*byte == b'_' && *wanted == b'-')
    };
    name.iter().zip(wanted).all(same)
}

/// Where the value is without white space around it.
fn trimmed(value: &[u8]) -> Range<usize> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().take_while(|byte| is_space(byte)).count();
    let after = value[start..]
        .iter()
        .rev()
        .take_while(|byte| is_space(byte));
    start..value.len() - after.count()
}

/// The host with its port in an absolute target.
fn authority(target: &[u8]) -> Option<Range<usize>> {
    if target[0] == b'/' {
        return None;
    }
    let start = target.windows(3).position(|bytes| bytes == b"://")? + 3;
    let rest = &target[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    Some(start..start + end.unwrap_or(rest.len()))
}

pub(crate) fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
    TOKEN[usize::from(byte)]
}

/// Of the characters of a name or address with a port (RFC 3986, section 3.2), without those of a user.
pub(crate) fn is_host(bytes: &[u8]) -> bool {
    const HOST: [bool; 256] = table(b"-._~!$&'()*+;=%:[]");
    bytes.iter().all(|byte| HOST[usize::from(*byte)])
}

/// Letters, digits and `others`.
const fn table(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

/// Visible and not `#`, which only browsers know what to do with. All bytes are looked at, so that it is done many at
/// a time.
pub(crate) fn is_target(bytes: &[u8]) -> bool {
    let bad = |bad, byte: &u8| bad | (*byte <= b' ') | (*byte >= 0x7f) | (*byte == b'#');
    !bytes.iter().fold(false, bad)
}

pub(crate) fn is_value(bytes: &[u8]) -> bool {
    let bad = |bad, byte: &u8| bad | ((*byte < b' ') & (*byte != b'\t')) | (*byte == 0x7f);
    !bytes.iter().fold(false, bad)
}
