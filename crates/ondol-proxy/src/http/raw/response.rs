//! Answers that are only passed on, from bytes to bytes. Pure. What two clients could understand differently is no
//! answer: behind a strict reader, a lenient one in the client is not misled either.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use super::request::write_line;

const HEADERS_MAX: usize = 100;
const LENGTH_DIGITS_MAX: usize = 18;

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Head {
    /// Its bytes.
    pub length: usize,
    pub status: u16,
    pub body: Framing,
    /// The endpoint goes on with the connection after it.
    pub keeps: bool,
}

/// How long a body is (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Framing {
    None,
    Length(u64),
    Chunked,
    /// As long as the connection.
    UntilEnd,
}

/// It is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Unreadable;

/// What the head of an answer is written as.
pub(in crate::http) trait Form {
    /// Comes first.
    fn status(&mut self, status: u16, reason: &str);
    /// A header; its name may be in any case.
    fn line(&mut self, name: &str, value: &[u8]);
    /// Nobody knows how long the body is.
    fn of_unknown_length(&mut self);
}

impl Form for Vec<u8> {
    fn status(&mut self, status: u16, reason: &str) {
        self.extend_from_slice(b"HTTP/1.1 ");
        self.extend([status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8));
        self.push(b' ');
        self.extend_from_slice(reason.as_bytes());
        self.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, name: &str, value: &[u8]) {
        write_line(name, value, self);
    }

    fn of_unknown_length(&mut self) {
        self.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
}

/// What the headers of an answer say about its framing and its connection.
#[derive(Default)]
struct Said<'a> {
    length: Option<u64>,
    chunked: bool,
    connection: Option<&'a [u8]>,
    date: bool,
}

/// Reads the head at the beginning of `bytes`, `None` as long as it is not whole, and writes it to `out` as the client
/// gets it, without the empty line. `to_head`: it answers a request for the head only. Heads of 1xx are not written:
/// they are for this hop, where nothing waits for them.
pub(in crate::http) fn read(
    bytes: &[u8],
    to_head: bool,
    date: &[u8],
    out: &mut impl Form,
) -> Result<Option<Head>, Unreadable> {
    let mut space = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut space,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Unreadable),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(Unreadable);
    };
    let said = said(response.headers, version)?;
    if status < 200 {
        // A switch that nobody asked for is none.
        let head = Head {
            length,
            status,
            body: Framing::None,
            keeps: true,
        };
        return match status {
            101 => Err(Unreadable),
            _ => Ok(Some(head)),
        };
    }
    let body = said.framing(to_head, status);
    out.status(status, response.reason.unwrap_or_default());
    for header in response.headers.iter() {
        match header.name.eq_ignore_ascii_case("content-length") {
            // There is none, whatever is said (RFC 9110, section 8.6).
            true if status == 204 => {}
            true => out.line(header.name, plain(header.value)),
            false if said.is_for_hop(header.name) => {}
            false => out.line(header.name, header.value),
        }
    }
    if matches!(body, Framing::Chunked | Framing::UntilEnd) {
        out.of_unknown_length();
    }
    if !said.date {
        out.line("date", date);
    }
    Ok(Some(Head {
        length,
        status,
        body,
        keeps: body != Framing::UntilEnd && said.keeps(version),
    }))
}

impl Said<'_> {
    fn framing(&self, to_head: bool, status: u16) -> Framing {
        let has_none = to_head || matches!(status, 204 | 304);
        match (has_none, self.chunked, self.length) {
            (true, ..) => Framing::None,
            (_, true, _) => Framing::Chunked,
            (_, _, Some(0)) => Framing::None,
            (_, _, Some(length)) => Framing::Length(length),
            _ => Framing::UntilEnd,
        }
    }

    fn keeps(&self, version: u8) -> bool {
        match version {
            1 => !self.names(b"close"),
            _ => self.names(b"keep-alive"),
        }
    }

    /// Whether `Connection` has this word.
    fn names(&self, word: &[u8]) -> bool {
        let words = self
            .connection
            .unwrap_or_default()
            .split(|byte| *byte == b',');
        words
            .map(<[u8]>::trim_ascii)
            .any(|known| known.eq_ignore_ascii_case(word))
    }

    /// Whether a header is for this hop only (RFC 9110, section 7.6.1).
    fn is_for_hop(&self, name: &str) -> bool {
        let is_one = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        is_one(&[
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
        ]) || self.connection.is_some()
                && self.names(name.as_bytes())
                // What `Connection` cannot name away.
                && !is_one(&["te", "content-length", "content-type", "content-encoding"])
    }
}

fn said<'a>(headers: &[Header<'a>], version: u8) -> Result<Said<'a>, Unreadable> {
    let mut said = Said::default();
    for header in headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let twice = match header.name.len() {
            4 if is("date") => {
                said.date = true;
                false
            }
            10 if is("connection") => said.connection.replace(header.value).is_some(),
            14 if is("content-length") => said.length.replace(length(header.value)?).is_some(),
            17 if is("transfer-encoding") => {
                if version == 0 || !header.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Unreadable);
                }
                std::mem::replace(&mut said.chunked, true)
            }
            _ => false,
        };
        if twice {
            return Err(Unreadable);
        }
    }
    match said.chunked && said.length.is_some() {
        true => Err(Unreadable),
        false => Ok(said),
    }
}

fn length(value: &[u8]) -> Result<u64, Unreadable> {
    let fits = (1..=LENGTH_DIGITS_MAX).contains(&value.len());
    if !fits || !value.iter().all(u8::is_ascii_digit) {
        return Err(Unreadable);
    }
    let number = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Ok(value.iter().fold(0, number))
}

/// A number as everybody writes it: one reader may take `010` for ten and another for eight.
fn plain(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let zeros = zeros.min(digits.len().saturating_sub(1));
    digits.get(zeros..).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_length_is_passed_on_as_everybody_writes_it() {
        let written = ["7", "010", "000"].map(|digits| super::plain(digits.as_bytes()));
        assert_eq!(written, [b"7" as &[u8], b"10", b"0"]);
    }

    use super::*;

    const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn passed(bytes: &str, to_head: bool) -> Result<(Head, String), Unreadable> {
        let mut out = Vec::new();
        let head = read(bytes.as_bytes(), to_head, DATE, &mut out)?.unwrap();
        Ok((head, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn an_answer_is_passed_on_without_what_is_for_this_hop() {
        let text = "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
                    Keep-Alive: 5\r\nDate: today\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
        let (head, out) = passed(text, false).unwrap();
        let expected = "HTTP/1.1 200 Fine\r\ncontent-length: 3\r\ndate: today\r\nset-cookie: a\r\nset-cookie: b\r\n";
        assert_eq!(out, expected);
        assert_eq!(head.length, text.len());
        assert_eq!(
            (head.status, head.body, head.keeps),
            (200, Framing::Length(3), true)
        );
        assert_eq!(
            read(&text.as_bytes()[..40], false, DATE, &mut Vec::new()),
            Ok(None)
        );
    }

    #[test]
    fn how_long_a_body_is_and_whether_the_connection_stays() {
        let body = |text: &str, to_head| {
            let (head, out) = passed(&format!("HTTP/{text}\r\n\r\n"), to_head).unwrap();
            (head.body, head.keeps, out.contains("chunked"))
        };
        assert_eq!(
            body("1.1 200 OK\r\nTransfer-Encoding: Chunked", false),
            (Framing::Chunked, true, true)
        );
        assert_eq!(body("1.1 200 OK", false), (Framing::UntilEnd, false, true));
        assert_eq!(
            body("1.1 204 No Content", false),
            (Framing::None, true, false)
        );
        assert_eq!(
            body("1.1 304 Not Modified\r\nContent-Length: 9", false),
            (Framing::None, true, false)
        );
        assert_eq!(
            body("1.1 200 OK\r\nContent-Length: 9", true),
            (Framing::None, true, false)
        );
        assert_eq!(
            body(
                "1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close",
                false
            ),
            (Framing::None, false, false)
        );
        assert_eq!(
            body("1.0 200 OK\r\nContent-Length: 1", false),
            (Framing::Length(1), false, false)
        );
        let (_, out) = passed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false).unwrap();
        assert!(out.ends_with("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        let (head, out) = passed("HTTP/1.1 100 Continue\r\n\r\n", false).unwrap();
        assert_eq!((head.status, out.as_str()), (100, ""));
    }

    #[test]
    fn what_has_no_one_length_is_no_answer() {
        for lines in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: +3",
            "Content-Length: 3, 3",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length : 3",
            "X: a\r\n folded",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
            assert_eq!(passed(&text, false), Err(Unreadable), "{lines}");
        }
        assert_eq!(
            passed("HTTP/1.1 101 Switching\r\n\r\n", false),
            Err(Unreadable)
        );
        assert_eq!(passed("nothing at all\r\n\r\n", false), Err(Unreadable));
    }
}
