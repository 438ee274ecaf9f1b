//! As much HTTP as one machine needs to talk to itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

/// The path of the next request on a connection.
pub(super) fn request(stream: &mut TcpStream) -> Option<String> {
    let head = head(stream)?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// Asks for a path, on a connection of its own (HTTP/1.0, so that the answer ends where the connection does).
pub(super) fn ask(port: u16, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.context("no answer")? + 4);
    let status = String::from_utf8_lossy(&answer);
    let status = status.lines().next().unwrap_or_default();
    ensure!(
        status.contains(" 200 "),
        "`{path}`: {status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}

/// Brings a body on a connection that stays; the status of the answer.
pub(super) fn post(stream: &mut TcpStream, path: &str, kind: &str, body: &[u8]) -> Result<u16> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    stream.write_all(body)?;
    let head = head(stream).context("no answer")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse().ok())?
    });
    stream.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.context("an answer without a status")
}

/// A text as it stands in a query.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Up to the empty line; bodies are not sent before they are asked for, so nothing after it is read.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut waiting = [0; 2048];
    loop {
        let there = stream.peek(&mut waiting).ok().filter(|there| *there > 0)?;
        head.extend_from_slice(&waiting[..there]);
        let end = head.windows(4).position(|four| four == b"\r\n\r\n");
        let before = head.len() - there;
        let take = end.map_or(there, |end| end + 4 - before);
        stream.read_exact(&mut waiting[..take]).ok()?;
        if let Some(end) = end {
            head.truncate(end);
            return String::from_utf8(head).ok();
        }
        if head.len() > 64 << 10 {
            return None;
        }
    }
}
