//! As much HTTP as one machine needs to talk to itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

/// The path of the next request on a connection.
pub(super) fn request(stream: &mut TcpStream) -> Option<String> {
    let head = head(stream)?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// Asks for a path on a connection that stays; the body into `body`.
pub(super) fn get(stream: &mut TcpStream, path: &str, body: &mut Vec<u8>) -> Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let head = head(stream).context("no answer")?;
    ensure!(
        head.contains(" 200 "),
        "`{path}`: {}",
        head.lines().next().unwrap_or_default()
    );
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let length: Option<usize> = length;
    body.resize(length.context("an answer without its length")?, 0);
    stream.read_exact(body)?;
    Ok(())
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
