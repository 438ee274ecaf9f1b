//! The head of a request: its first line and its headers (RFC 9112). What two servers might read
//! in two ways is refused, so nobody in front of this one can be made to see another request.

use std::io::BufRead;

use super::body::Framing;
use super::line::{read_line, Fault};

const BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug)]
pub struct Head {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expects_continue: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    pub fn read(from: &mut dyn BufRead) -> Result<Self, Fault> {
        let mut budget = BYTES_MAX;
        let mut first = read_line(from, &mut budget)?;
        while first.is_empty() {
            first = read_line(from, &mut budget)?; // some clients send a line too many after a body
        }
        let (method, target, version) = request_line(&first)?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(from, &mut budget)?;
            if line.is_empty() {
                break;
            }
            headers.push(header(&line)?);
        }
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let framing = Framing::None;
        let mut head =
            Self { method: method.into(), path, framing, keep_alive: false, expects_continue: false, headers };
        head.framing = head.read_framing(version)?;
        head.keep_alive = version == Version::Http11 && !head.lists("connection", "close");
        head.expects_continue = head.read_expectation(version)?;
        Ok(head)
    }

    /// The first header of that name, which must be in lower case.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> + '_ {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn lists(&self, name: &'static str, token: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    fn read_framing(&self, version: Version) -> Result<Framing, Fault> {
        let lengths: Vec<_> = self.all("content-length").collect();
        let codings: Vec<_> = self.all("transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(Framing::None),
            ([length], []) => match length.parse() {
                Ok(number) if length.bytes().all(|b| b.is_ascii_digit()) => Ok(Framing::Length(number)),
                _ => Err(Fault::Refused(400, "the Content-Length is not a number")),
            },
            (_, []) => Err(Fault::Refused(400, "there is more than one Content-Length")),
            ([], _) if version == Version::Http10 => Err(Fault::Refused(400, "HTTP/1.0 has no Transfer-Encoding")),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([], _) => Err(Fault::Refused(501, "the only Transfer-Encoding understood is chunked")),
            _ => Err(Fault::Refused(400, "Content-Length and Transfer-Encoding exclude each other")),
        }
    }

    fn read_expectation(&self, version: Version) -> Result<bool, Fault> {
        match self.header("expect") {
            Some(value) if value.eq_ignore_ascii_case("100-continue") => Ok(version == Version::Http11),
            Some(_) => Err(Fault::Refused(417, "the only expectation understood is 100-continue")),
            None => Ok(false),
        }
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &str) -> Result<(&str, &str, Version), Fault> {
    let parts: Vec<_> = line.split(' ').collect();
    match parts.as_slice() {
        [method, target, version] if is_token(method) && !target.is_empty() && !target.contains('\t') => match *version
        {
            "HTTP/1.1" => Ok((method, target, Version::Http11)),
            "HTTP/1.0" => Ok((method, target, Version::Http10)),
            _ => Err(Fault::Refused(505, "only HTTP/1.1 is spoken here")),
        },
        _ => Err(Fault::Refused(400, "that is not a request line")),
    }
}

fn header(line: &str) -> Result<(String, String), Fault> {
    match line.split_once(':') {
        Some((name, value)) if is_token(name) => Ok((name.to_ascii_lowercase(), value.trim().to_owned())),
        _ => Err(Fault::Refused(400, "that is not a header")),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Fault> {
        Head::read(&mut text.as_bytes())
    }

    fn with(headers: &str) -> Result<Head, Fault> {
        read(&format!("PUT /blobs/a HTTP/1.1\r\n{headers}\r\n"))
    }

    #[track_caller]
    fn refused(head: Result<Head, Fault>, expected: u16) {
        match head {
            Err(Fault::Refused(status, _)) => assert_eq!(status, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_taken_apart() {
        let head = read("\r\nGET /blobs/a?x=1 HTTP/1.1\r\nHost: x\r\nRANGE:\t bytes=0-1 \r\n\r\nrest").unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str()), ("GET", "/blobs/a"));
        assert_eq!((head.header("range"), head.header("cookie")), (Some("bytes=0-1"), None));
        assert_eq!((head.framing, head.keep_alive, head.expects_continue), (Framing::None, true, false));
    }

    #[test]
    fn exactly_one_head_is_read() {
        let mut two = &b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"[..];
        assert_eq!(Head::read(&mut two).unwrap().path, "/a");
        assert_eq!(Head::read(&mut two).unwrap().path, "/b");
        assert_eq!(Head::read(&mut two).unwrap_err(), Fault::Gone);
    }

    #[test]
    fn a_body_has_one_framing() {
        assert_eq!(with("Content-Length: 12\r\n").unwrap().framing, Framing::Length(12));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n").unwrap().framing, Framing::Chunked);
        for ambiguous in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\ncontent-length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999999\r\n",
        ] {
            refused(with(ambiguous), 400);
        }
        refused(with("Transfer-Encoding: gzip, chunked\r\n"), 501);
        refused(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501);
        refused(read("PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    }

    #[test]
    fn a_line_that_could_be_read_in_two_ways_is_refused() {
        for headers in [
            "Content-Length : 5\r\n",
            " Content-Length: 5\r\n",
            "A: b\r\n c\r\n",
            "A: b\nContent-Length: 5\r\n",
            "A: b\rContent-Length: 5\r\n",
            "A: b\0\r\n",
            "A: é\r\n",
            "A\r\n",
            ": b\r\n",
        ] {
            refused(with(headers), 400);
        }
        for line in ["GET /a", "GET  /a HTTP/1.1", "G(T /a HTTP/1.1", "GET /a b HTTP/1.1", " GET /a HTTP/1.1"] {
            refused(read(&format!("{line}\r\n\r\n")), 400);
        }
        refused(read("GET /a HTTP/2.0\r\n\r\n"), 505);
    }

    #[test]
    fn a_head_is_bounded() {
        let many = "A: b\r\n".repeat(4_000);
        for text in [format!("A: {}\r\n", "x".repeat(17_000)), many] {
            refused(with(&text), 431);
        }
        refused(read(&"\r\n".repeat(9_000)), 431);
        assert!(with(&format!("A: {}\r\n", "x".repeat(16_000))).is_ok());
        assert_eq!(read("GET /a HT").unwrap_err(), Fault::Gone);
    }

    #[test]
    fn the_connection_and_the_expectation_are_the_clients() {
        assert!(!with("Connection: x, Close\r\n").unwrap().keep_alive);
        assert!(!read("GET /a HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(with("Expect: 100-Continue\r\n").unwrap().expects_continue);
        refused(with("Expect: miracles\r\n"), 417);
    }
}
