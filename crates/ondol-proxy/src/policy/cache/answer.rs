use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Method, StatusCode};
use ondol_model::Time;

use super::stored::{Stored, seconds};

/// A response made from a stored one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a stored response is to this request: whole, a part of it, or the word that it did not change
/// (RFC 9110, sections 13 and 14).
pub(crate) fn answer(stored: &Stored, method: &Method, request: &HeaderMap, now: Time) -> Answer {
    let mut headers = stored.headers.clone();
    headers.insert(AGE, HeaderValue::from(stored.age(now).as_secs()));
    let head = method == Method::HEAD;
    if stored.status == StatusCode::OK && is_unchanged(stored, request) {
        headers.remove(CONTENT_LENGTH);
        return Answer {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body: Bytes::new(),
        };
    }
    let length = stored.body.len() as u64;
    let part = match stored.status == StatusCode::OK && !head {
        true => asked_part(stored, request),
        false => Part::Whole,
    };
    let (status, body) = match part {
        Part::Whole => {
            let body = stored.body.clone();
            (stored.status, if head { Bytes::new() } else { body })
        }
        Part::Range(from, to) => {
            headers.insert(CONTENT_RANGE, text(&format!("bytes {from}-{to}/{length}")));
            let body = stored.body.slice(from as usize..=to as usize);
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Part::None => {
            headers.insert(CONTENT_RANGE, text(&format!("bytes */{length}")));
            headers.remove(CONTENT_TYPE);
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new())
        }
    };
    if stored.status == StatusCode::OK {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if stored.status != StatusCode::NO_CONTENT {
        let shown = if head { length } else { body.len() as u64 };
        headers.insert(CONTENT_LENGTH, HeaderValue::from(shown));
    }
    Answer {
        status,
        headers,
        body,
    }
}

/// Whether the client has it already. An `If-None-Match` rules out `If-Modified-Since` (RFC 9110, section 13.2.2).
fn is_unchanged(stored: &Stored, request: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let etag = stored.headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        return request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|text| text.trim() == "*" || etag.is_some_and(|etag| names(text, etag)));
    }
    let since = request.get(IF_MODIFIED_SINCE).and_then(seconds);
    let modified = stored.headers.get(LAST_MODIFIED).and_then(seconds);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// Whether a list of entity tags has one, compared weakly. A tag may contain commas: it ends at its quote.
fn names(list: &str, etag: &str) -> bool {
    let opaque = etag.trim_start_matches("W/");
    let mut rest = list;
    while let Some(start) = rest.find('"') {
        let Some(length) = rest[start + 1..].find('"') else {
            return false;
        };
        let end = start + 1 + length + 1;
        if &rest[start..end] == opaque {
            return true;
        }
        rest = &rest[end..];
    }
    false
}

enum Part {
    Whole,
    /// First and last byte.
    Range(u64, u64),
    /// No byte of it is there.
    None,
}

fn asked_part(stored: &Stored, request: &HeaderMap) -> Part {
    let range = request.get(RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range.filter(|_| range_is_meant(stored, request)) else {
        return Part::Whole;
    };
    // Several parts would need another format of body; the whole is always a right answer (section 14.2).
    let Some(range) = range
        .trim()
        .strip_prefix("bytes=")
        .filter(|range| !range.contains(','))
    else {
        return Part::Whole;
    };
    let length = stored.body.len() as u64;
    let Some((from, to)) = range.trim().split_once('-') else {
        return Part::Whole;
    };
    let number = |text: &str| match text.is_empty() {
        true => Some(None),
        // Too large a number is a place behind the end.
        false if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        false => None,
    };
    match (number(from), number(to)) {
        (Some(Some(from)), Some(to)) if to.is_none_or(|to| from <= to) => match from < length {
            true => Part::Range(from, to.unwrap_or(u64::MAX).min(length - 1)),
            false => Part::None,
        },
        (Some(None), Some(Some(last))) => match last.min(length) {
            0 => Part::None,
            last => Part::Range(length - last, length - 1),
        },
        _ => Part::Whole,
    }
}

/// `If-Range`: a part is wanted only of what the client has the rest of (section 13.1.5).
fn range_is_meant(stored: &Stored, request: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else {
        return true;
    };
    let is_tag = condition.as_bytes().ends_with(b"\"");
    match is_tag {
        // Compared strongly: a weak tag never matches.
        true => {
            !condition.as_bytes().starts_with(b"W/") && stored.headers.get(ETAG) == Some(condition)
        }
        false => stored.headers.get(LAST_MODIFIED) == Some(condition),
    }
}

/// Digits and ASCII letters are always a value.
fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("bytes */*"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::admit::{Rules, admit};
    use super::super::stored::{Came, Defaults};
    use super::*;

    const NOW: Time = Time::from_secs(9);
    type Lines<'a> = &'a [(&'static str, &'static str)];

    fn headers(lines: Lines<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn film() -> Stored {
        let rules = Rules {
            defaults: Defaults::default(),
            body_bytes_max: 1000,
        };
        let said = headers(&[
            ("cache-control", "max-age=60"),
            ("etag", "W/\"a,b\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("content-type", "text/plain"),
        ]);
        let none = HeaderMap::new();
        let (get, ok) = (Method::GET, StatusCode::OK);
        let came = Came {
            delay: Duration::ZERO,
            date: 0,
            now: NOW,
        };
        let admitted = admit(&rules, &get, &none, ok, &said, came).unwrap();
        admitted.complete(Bytes::from_static(b"0123456789"))
    }

    fn ask(lines: Lines<'_>) -> (u16, Bytes, HeaderMap) {
        let answer = answer(
            &film(),
            &Method::GET,
            &headers(lines),
            NOW + Duration::from_secs(3),
        );
        (answer.status.as_u16(), answer.body, answer.headers)
    }

    #[test]
    fn a_plain_request_gets_it_whole_with_its_age() {
        let (status, body, headers) = ask(&[]);
        assert_eq!((status, &body[..]), (200, &b"0123456789"[..]));
        assert_eq!(headers["age"], "3");
        assert_eq!(headers["content-length"], "10");
    }

    #[test]
    fn a_client_that_has_it_is_told_so() {
        for (name, value, status) in [
            ("if-none-match", "\"x\", W/\"a,b\"", 304),
            ("if-none-match", "\"a,b\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"a\", \"b\"", 200),
            ("if-none-match", "\"a,b", 200),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 304),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT", 200),
            ("if-modified-since", "yesterday", 200),
        ] {
            assert_eq!(ask(&[(name, value)]).0, status, "{name}: {value}");
        }
        let both = [
            ("if-none-match", "\"x\""),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        assert_eq!(ask(&both).0, 200, "the tag rules");
    }

    #[test]
    fn a_part_is_cut_from_the_whole() {
        for (range, status, expected) in [
            ("bytes=0-3", 206, "0123"),
            ("bytes=7-", 206, "789"),
            ("bytes=7-99999999999999999999", 206, "789"),
            ("bytes=-2", 206, "89"),
            ("bytes=-99", 206, "0123456789"),
            ("bytes=10-", 416, ""),
            ("bytes=-0", 416, ""),
            ("bytes=3-1", 200, "0123456789"),
            ("bytes=0-1,4-5", 200, "0123456789"),
            ("bytes=a-b", 200, "0123456789"),
            ("bytes=-", 200, "0123456789"),
            ("lines=1-2", 200, "0123456789"),
        ] {
            let (code, body, _) = ask(&[("range", range)]);
            assert_eq!((code, &body[..]), (status, expected.as_bytes()), "{range}");
        }
        assert_eq!(
            ask(&[("range", "bytes=2-3")]).2["content-range"],
            "bytes 2-3/10"
        );
        assert_eq!(
            ask(&[("range", "bytes=77-")]).2["content-range"],
            "bytes */10"
        );
    }

    #[test]
    fn a_part_of_something_else_is_not_given() {
        let range = ("range", "bytes=0-1");
        assert_eq!(
            ask(&[range, ("if-range", "W/\"a,b\"")]).0,
            200,
            "a weak tag is no proof"
        );
        assert_eq!(
            ask(&[range, ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")]).0,
            206
        );
        assert_eq!(
            ask(&[range, ("if-range", "Sun, 06 Nov 1994 08:49:38 GMT")]).0,
            200
        );
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let answer = answer(&film(), &Method::HEAD, &HeaderMap::new(), NOW);
        assert!(answer.body.is_empty());
        assert_eq!(answer.headers["content-length"], "10");
    }
}
