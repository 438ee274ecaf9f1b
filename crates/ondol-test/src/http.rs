//! A client of HTTP/1.1 that is nobody else's: one connection per request, as RFC 9112 has it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};

const TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_MAX: usize = 64 << 20;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 404...
    pub status: u16,
    /// By name in lower case; the last one wins.
    pub headers: BTreeMap<String, String>,
    /// Unchunked.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET` of `http://host:port/path`.
pub fn get(url: &str) -> Result<Answer> {
    request("GET", url, &[], b"")
}

/// One request with these headers (beside `Host`, `Connection: close` and `Content-Length`) and this body.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
    let rest = url
        .strip_prefix("http://")
        .with_context(|| format!("{url} is no http:// address"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let port = if authority.contains(':') { "" } else { ":80" };
    let address = format!("{authority}{port}")
        .to_socket_addrs()?
        .next()
        .with_context(|| format!("{authority} has no address"))?;
    let mut stream =
        TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| format!("{method} {url}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let host = match headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        Some(_) => String::new(),
        None => format!("Host: {authority}\r\n"),
    };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let bytes =
        read(&mut stream).with_context(|| format!("{method} {url}: the answer ended early"))?;
    parse(&bytes).with_context(|| format!("{method} {url}"))
}

/// Until the connection or the answer ends: not every server closes when it is asked to.
fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..count]);
        if count == 0 || is_whole(&bytes) {
            return Ok(bytes);
        }
        if bytes.len() > ANSWER_MAX {
            bail!("an answer of more than {ANSWER_MAX} bytes");
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    match head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length:"))
    {
        Some(length) => length.trim().parse() == Ok(bytes.len() - end - 4),
        None => {
            head.contains("\r\ntransfer-encoding: chunked") && bytes.ends_with(b"\r\n0\r\n\r\n")
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no end of the head")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("`{first}` is no status line"))?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        body = unchunked(&body)?;
    } else if let Some(length) = headers
        .get("content-length")
        .and_then(|length| length.parse::<usize>().ok())
        && body.len() > length
    {
        bail!("{} bytes of body; expected {length}", body.len());
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .context("a chunk without its size")?;
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .with_context(|| format!("`{size}` is no size of a chunk"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(..size).context("a chunk that ends early")?;
        body.extend_from_slice(chunk);
        rest = rest.get(size + 2..).context("a chunk that ends early")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_chunks_is_put_together() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "abcde"));
    }

    #[test]
    fn names_of_headers_are_in_lower_case() {
        let answer = parse(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab").unwrap();
        assert_eq!(answer.headers["content-range"], "bytes 0-1/9");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for cut in [
            "HTTP/1.1 200 OK\r\n",
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        ] {
            assert!(parse(cut.as_bytes()).is_err(), "{cut}");
        }
    }
}
