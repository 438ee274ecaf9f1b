//! A service in a folder of its own, and a client that says byte by byte what it wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_observe::{Running, Settings, Telemetry};
use ondol_telemetry::{Config, EventConfig};
use serde_json::Value;
use tokio::sync::mpsc;

/// A service, until it is dropped.
pub(crate) struct Service {
    pub(crate) telemetry: Telemetry,
    pub(crate) address: SocketAddr,
    pub(crate) said: mpsc::UnboundedReceiver<String>,
    running: Option<Running>,
    dir: PathBuf,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Service {
    pub(crate) fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ondol-observe-{}-{number}", std::process::id());
        Self::start_in(&std::env::temp_dir().join(name), |_| ())
    }

    pub(crate) fn start_in(dir: &Path, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            dir: dir.to_owned(),
            samples: Config::default(),
            events: EventConfig::default(),
            forward: None,
            forward_events: None,
            external_url: None,
            version: "1.2.3",
        };
        change(&mut settings);
        let (complain, said) = mpsc::unbounded_channel();
        let (telemetry, running) = Telemetry::start(settings, complain).unwrap();
        let address = telemetry
            .listen(TcpListener::bind("127.0.0.1:0").unwrap())
            .unwrap();
        Service {
            telemetry,
            address,
            said,
            running: Some(running),
            dir: dir.to_owned(),
        }
    }

    /// Ends it, and leaves its folder.
    pub(crate) fn leave(&mut self) -> PathBuf {
        self.running.take().unwrap().leave();
        self.dir.clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answered {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        ask_bytes(self.address, &request)
    }

    pub(crate) fn ask(&self, request: &str) -> Answered {
        ask_bytes(self.address, request.as_bytes())
    }
}

/// Asks whoever listens there; its answer ends where the connection ends.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answered {
    ask_bytes(address, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
}

fn ask_bytes(address: SocketAddr, request: &[u8]) -> Answered {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.unwrap() + 4);
    let head = String::from_utf8(answer).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answered { status, head, body }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.leave();
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Looks again and again until it is there.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..200 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited in vain for {what}");
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock of these tests")]
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis() as i64
}
