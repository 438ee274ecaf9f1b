//! Traffic of all kinds for a long time, while somebody looks at the memory: good clients by wrk and h2load, clients that
//! leave in the middle, bytes that mean nothing, and replicas that are replaced.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{Load, TestDir, TestNode, processes, program, skipped};

const COMPOSE: &str = r#"
name: soak
x-ondol: { edge: { port: PORT } }
services:
  web:
    build: .
    command: python3 server.py
    expose: [80]
    deploy: { replicas: 2 }
    x-ondol:
      probes: { startup: { http: /, interval: 1s, failures: 60 }, ready: { http: /, interval: 1s } }
      routes:
        - { path: /, limit: { rate: 1000000/s, by: "header:x-client" } }
        - { path: /kept, cache: 1s, compress: true }
        - { path: /said, respond: { body: "x" } }
"#;

const SERVER: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"x" * 2000
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Answer).serve_forever()
"#;

/// Bad clients of each kind in a round.
const BAD_CLIENTS: usize = 40;
/// Every so many rounds the replicas are replaced.
const REPLACED_EVERY: u32 = 4;
/// After a round, until what was left of its connections is gone.
const SETTLE: Duration = Duration::from_millis(500);
/// Less than this is no growth but the allocator's mood.
const SLACK_BYTES: u64 = 3 << 20;

/// A node with a service that is asked for a long time.
pub struct Soak {
    node: TestNode,
    folder: TestDir,
    port: u16,
    rounds: u32,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Answers to good clients.
    pub requests: u64,
    /// Good clients that got no answer, or a bad one.
    pub failed: u64,
    /// Memory of the proxy after it: its proportional set size. The node's is not looked at, because its stores of what
    /// services say fill for hours.
    pub memory_bytes: u64,
}

impl Soak {
    /// Starts it at a port of the machine; `None` where its tools are not.
    pub fn start(binary: &Path, port: u16) -> Result<Option<Soak>> {
        if ["wrk", "h2load", "python3"]
            .iter()
            .any(|tool| program(tool).is_none())
        {
            skipped("a soak needs wrk, h2load and python3");
            return Ok(None);
        }
        let folder = TestDir::new()?;
        folder.write("compose.yaml", COMPOSE.replace("PORT", &port.to_string()))?;
        folder.write("server.py", SERVER)?;
        let node = TestNode::absent(binary)?;
        node.ok(folder.path(), ["up", "--wait", "--wait-timeout", "60"])?;
        Ok(Some(Soak {
            node,
            folder,
            port,
            rounds: 0,
        }))
    }

    /// Goes on for so many seconds.
    pub fn round(&mut self, seconds: u32) -> Result<Round> {
        self.rounds += 1;
        let urls =
            ["", "kept", "said"].map(|path| format!("http://127.0.0.1:{}/{path}", self.port));
        let loads = urls
            .iter()
            .map(|url| Load::start(url, 8, seconds))
            .collect::<Result<Vec<_>>>()?;
        let mut h2load = Command::new("h2load");
        h2load.args(["-D", &seconds.to_string(), "-c", "4", "-m", "8", &urls[1]]);
        let h2load = h2load.stdout(std::process::Stdio::piped()).spawn()?;
        let at = ("127.0.0.1", self.port);
        for number in 0..BAD_CLIENTS {
            leave_in_the_middle(at, number)?;
            thread::sleep(Duration::from_millis(u64::from(seconds) * 500) / BAD_CLIENTS as u32);
        }
        if self.rounds.is_multiple_of(REPLACED_EVERY) {
            self.node.ok(self.folder.path(), ["restart", "web"])?;
        }
        let mut round = Round {
            requests: 0,
            failed: 0,
            memory_bytes: 0,
        };
        for load in loads.into_iter().flatten() {
            let report = load.finish()?;
            round.requests += report.requests;
            round.failed += report.failed();
        }
        let (requests, failed) = h2load_report(h2load)?;
        round.requests += requests;
        round.failed += failed;
        thread::sleep(SETTLE);
        round.memory_bytes = memory_bytes(&self.node);
        Ok(round)
    }

    /// Takes everything down.
    pub fn finish(self) -> Result<()> {
        self.node.ok(self.folder.path(), ["down"])?;
        self.node.stop()
    }
}

/// What is wrong with these rounds, for people: requests that failed, or memory that grows. The first rounds fill what
/// stays filled, so that the second half is compared with the rest of the first.
pub fn verdict(rounds: &[Round]) -> Result<()> {
    let failed: u64 = rounds.iter().map(|round| round.failed).sum();
    ensure!(failed == 0, "{failed} requests of good clients failed");
    let (first, second) = rounds.split_at(rounds.len() / 2);
    let most = |rounds: &[Round]| rounds.iter().map(|round| round.memory_bytes).max();
    let (Some(before), Some(after)) = (most(&first[first.len() / 3..]), most(second)) else {
        bail!("two rounds at least are needed");
    };
    let may = before + (before / 20).max(SLACK_BYTES);
    ensure!(after <= may, "memory grew from {before} to {after} bytes");
    Ok(())
}

/// A client that nobody wants.
fn leave_in_the_middle(at: (&str, u16), number: usize) -> Result<()> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut stream = TcpStream::connect(at)?;
    let said = match number % 5 {
        0 => b"GET / HTTP/1.1\r\nHost: a\r\nX-Half".to_vec(),
        1 => vec![
            0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0xff, b'\n', b'\r', b'\n',
        ],
        2 => [
            &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"[..],
            &[b'x'; 100_000],
        ]
        .concat(),
        3 => [PREFACE, &[0xff; 600]].concat(),
        _ => {
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_vec()
        }
    };
    // Refused in the middle, which is what it is for.
    let _ = stream.write_all(&said);
    Ok(())
}

/// Requests that were answered, and that were not.
fn h2load_report(h2load: std::process::Child) -> Result<(u64, u64)> {
    let output = h2load.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("requests: "));
    let line = line.with_context(|| format!("h2load said: {text}"))?;
    let count = |what: &str| {
        let found = line.split(", ").find_map(|part| part.strip_suffix(what));
        found
            .and_then(|count| count.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    Ok((
        count("succeeded"),
        count("failed") + count("errored") + count("timeout"),
    ))
}

fn memory_bytes(node: &TestNode) -> u64 {
    let is_proxy = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let role = arguments
            .split(|byte| *byte == 0)
            .nth(1)
            .unwrap_or_default();
        role == b"proxy"
    };
    let pss = |pid: i32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<u64>()
            .ok()
    };
    let proxies = processes::of_folder(node.state())
        .into_iter()
        .filter(is_proxy);
    proxies.filter_map(pss).sum::<u64>() << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(megabytes: &[u64]) -> Vec<Round> {
        let round = |megabytes: &u64| Round {
            requests: 1,
            failed: 0,
            memory_bytes: megabytes << 20,
        };
        megabytes.iter().map(round).collect()
    }

    #[test]
    fn memory_that_fills_at_first_is_flat_and_memory_that_grows_is_not() {
        assert!(verdict(&rounds(&[10, 20, 22, 23, 22, 24])).is_ok());
        assert!(verdict(&rounds(&[10, 20, 24, 28, 32, 36])).is_err());
        assert!(verdict(&rounds(&[10])).is_err(), "one round says nothing");
    }

    #[test]
    fn one_failed_request_is_too_many() {
        let mut rounds = rounds(&[10, 10, 10, 10]);
        rounds[2].failed = 1;
        assert!(verdict(&rounds).is_err());
    }
}
