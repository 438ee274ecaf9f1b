use std::io::Write;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, AGE, CONTENT_LENGTH, DATE, HeaderName};
use http::{HeaderMap, StatusCode};

/// What became of a request in the cache (RFC 9211).
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Its answer is what was stored.
pub(crate) const HIT: &str = "ondol; hit";

/// The head of a whole answer in the form of HTTP/1.1, but for the lines that are others each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    lines: Bytes,
    /// The service gave its own `Date`.
    is_dated: bool,
}

impl Written {
    /// `length` is the body's.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, length: usize) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        let mut lines = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
        let own = [ACCEPT_RANGES, AGE, CACHE_STATUS, CONTENT_LENGTH];
        for (name, value) in headers {
            // A service's own ranges stand where we cut none.
            if own.contains(name) && (*name != ACCEPT_RANGES || status == StatusCode::OK) {
                continue;
            }
            write_line(name.as_str(), value.as_bytes(), &mut lines);
        }
        if status == StatusCode::OK {
            write_line(ACCEPT_RANGES.as_str(), b"bytes", &mut lines);
        }
        if status != StatusCode::NO_CONTENT {
            let length = length.to_string();
            write_line(CONTENT_LENGTH.as_str(), length.as_bytes(), &mut lines);
        }
        write_line(CACHE_STATUS.as_str(), HIT.as_bytes(), &mut lines);
        Written {
            lines: lines.into(),
            is_dated: headers.contains_key(DATE),
        }
    }

    /// Bytes that it takes in memory.
    pub(super) fn weight(&self) -> usize {
        self.lines.len()
    }

    /// The whole head, for an answer that is `age_seconds` old and is given at `date`.
    pub(crate) fn write(&self, age_seconds: u64, date: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lines);
        if !self.is_dated {
            write_line(DATE.as_str(), date, out);
        }
        // Into memory, which does not fail.
        let _ = write!(out, "age: {age_seconds}\r\n\r\n");
    }
}

fn write_line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn lines_that_are_ours_stand_once_and_a_date_is_added_where_there_is_none() {
        let mut headers = HeaderMap::new();
        let mut says = |name: &'static str, value| {
            headers.append(name, HeaderValue::from_static(value));
        };
        says("age", "7");
        says("content-length", "99");
        says("cache-status", "other; hit");
        says("x-a", "1");
        says("x-a", "2");
        let written = |headers: &HeaderMap, status| {
            let mut out = Vec::new();
            Written::new(status, headers, 3).write(12, b"today", &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(&headers, StatusCode::OK),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\naccept-ranges: bytes\r\ncontent-length: 3\r\n\
             cache-status: ondol; hit\r\ndate: today\r\nage: 12\r\n\r\n"
        );
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        let empty = written(&headers, StatusCode::NO_CONTENT);
        assert!(empty.contains("date: yesterday\r\n") && !empty.contains("today"));
        assert!(!empty.contains("content-length"));
    }
}
