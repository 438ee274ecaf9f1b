use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Check, HttpCheck, ProbeResult, ReplicaId, RunId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Inner, inside};
use crate::logs::{Cursor, Filter, Reader};

/// Longest status line that is waited for.
const STATUS_BYTES_MAX: usize = 1024;
/// How much of the rest of an answer is taken, and for how long.
const REST_BYTES_MAX: u64 = 1 << 20;
const REST_MAX: Duration = Duration::from_secs(2);
const LINES_AT_ONCE: usize = 1000;

/// A search for a line that goes on where the last one ended.
#[derive(Debug)]
pub(super) struct LogCheck {
    contains: String,
    reader: Reader,
    found: bool,
}

/// Asks once.
pub(super) async fn ask(
    inner: &Arc<Inner>,
    replica: &ReplicaId,
    run: RunId,
    check: Check,
    port: Option<u16>,
    timeout: Duration,
) -> ProbeResult {
    let asked = async {
        match check {
            Check::Exec { command } => inside::probe(inner, replica, run, &command, timeout).await,
            Check::LogLine { contains } => log_line(inner, replica, run, contains).await,
            Check::Tcp { port: own } => match address(inner, replica, Some(run), own.or(port)) {
                Ok(address) => tcp(inner, address).await,
                Err(saw) => ProbeResult { ok: false, saw },
            },
            Check::Http(http) => match address(inner, replica, Some(run), http.port.or(port)) {
                Ok(address) => get(inner, address, &http).await,
                Err(saw) => ProbeResult { ok: false, saw },
            },
        }
    };
    match tokio::time::timeout(timeout, asked).await {
        Ok(result) => result,
        Err(_) => ProbeResult {
            ok: false,
            saw: format!("no answer within {timeout:?}"),
        },
    }
}

/// A connection to a port of a replica that runs.
pub(super) async fn dial(
    inner: &Inner,
    replica: &ReplicaId,
    port: u16,
) -> std::io::Result<TcpStream> {
    let address = address(inner, replica, None, Some(port)).map_err(std::io::Error::other)?;
    connect(inner, address).await
}

fn address(
    inner: &Inner,
    replica: &ReplicaId,
    run: Option<RunId>,
    port: Option<u16>,
) -> Result<SocketAddr, String> {
    let running = inner.state().replicas.running(replica, run);
    let (known, _) = running.ok_or("the replica does not run")?;
    let port = port.ok_or("no port is known yet: nothing is declared, and it listens on none")?;
    let moved = known.facts.moved_ports.get(&port).copied();
    Ok(moved.unwrap_or_else(|| SocketAddr::new(known.facts.ip, port)))
}

async fn connect(inner: &Inner, address: SocketAddr) -> std::io::Result<TcpStream> {
    match inner.shared.world() {
        Some(world) => {
            let stream = TcpStream::from_std(world.connect(address).await?)?;
            // It was still connecting when it was handed over.
            stream.writable().await?;
            match stream.take_error()? {
                Some(error) => Err(error),
                None => Ok(stream),
            }
        }
        None => TcpStream::connect(address).await,
    }
}

async fn tcp(inner: &Inner, address: SocketAddr) -> ProbeResult {
    match connect(inner, address).await {
        Ok(_) => ProbeResult {
            ok: true,
            saw: format!("port {} accepts connections", address.port()),
        },
        Err(error) => ProbeResult {
            ok: false,
            saw: format!("port {}: {}", address.port(), words(&error)),
        },
    }
}

/// A GET over a connection of its own (RFC 9112); only the status line is looked at.
async fn get(inner: &Inner, address: SocketAddr, http: &HttpCheck) -> ProbeResult {
    let what = format!("GET {}", http.path);
    match status(inner, address, http).await {
        Ok(status) => ProbeResult {
            ok: (200..400).contains(&status),
            saw: format!("{what} {status}"),
        },
        Err(error) => ProbeResult {
            ok: false,
            saw: format!("{what}: {}", words(&error)),
        },
    }
}

async fn status(inner: &Inner, address: SocketAddr, http: &HttpCheck) -> std::io::Result<u16> {
    let mut stream = connect(inner, address).await?;
    let mut request = format!("GET {} HTTP/1.1\r\n", http.path);
    let named = |name: &str| {
        http.headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    for (name, value, wanted) in [
        ("Host", address.to_string(), !named("host")),
        ("User-Agent", "ondol".to_owned(), !named("user-agent")),
        ("Accept", "*/*".to_owned(), !named("accept")),
        ("Connection", "close".to_owned(), true),
    ] {
        if wanted {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in &http.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while answer.len() < STATUS_BYTES_MAX && !answer.contains(&b'\n') {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    // Many a server complains in its log when nobody listens to the end of what it says.
    tokio::spawn(tokio::time::timeout(REST_MAX, async move {
        let _ = tokio::io::copy(&mut stream.take(REST_BYTES_MAX), &mut tokio::io::sink()).await;
    }));
    parse_status(&answer).ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}

fn parse_status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok()
}

fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        _ => error.to_string(),
    }
}

async fn log_line(
    inner: &Arc<Inner>,
    replica: &ReplicaId,
    run: RunId,
    contains: String,
) -> ProbeResult {
    let shown = contains.clone();
    let dir = inner.paths.logs(replica);
    let (inner, replica) = (inner.clone(), replica.clone());
    let search = move || {
        let taken = inner
            .state()
            .replicas
            .get_mut(&replica, run)?
            .log_check
            .take();
        let mut check = taken
            .filter(|check| check.contains == contains)
            .unwrap_or_else(|| LogCheck::new(&dir, run, contains));
        check.go_on();
        let found = check.found;
        inner.state().replicas.get_mut(&replica, run)?.log_check = Some(check);
        Some(found)
    };
    let found = tokio::task::spawn_blocking(search)
        .await
        .ok()
        .flatten()
        .unwrap_or(false);
    ProbeResult {
        ok: found,
        saw: match found {
            true => format!("a line with `{shown}`"),
            false => format!("no line with `{shown}` yet"),
        },
    }
}

impl LogCheck {
    fn new(dir: &std::path::Path, run: RunId, contains: String) -> Self {
        let own = Filter {
            run: Some(run.0),
            ..Filter::default()
        };
        LogCheck {
            contains,
            reader: Reader::new(dir, Cursor::default(), own),
            found: false,
        }
    }

    fn go_on(&mut self) {
        while !self.found {
            let lines = self.reader.read(LINES_AT_ONCE).unwrap_or_default();
            self.found = lines.iter().any(|line| line.text.contains(&self.contains));
            if lines.is_empty() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(
            parse_status(b"HTTP/1.1 204 No Content\r\nA: b\r\n"),
            Some(204)
        );
        assert_eq!(parse_status(b"HTTP/1.0 503\r\n"), Some(503));
        for answer in [
            &b""[..],
            b"\xff\xfe\n",
            b"SSH-2.0-x\r\n",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1\r\n",
        ] {
            assert_eq!(parse_status(answer), None, "{answer:?}");
        }
    }
}
