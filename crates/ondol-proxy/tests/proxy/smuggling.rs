//! The corpus of `smuggling.txt`, sent to this proxy, to nginx and to HAProxy before the same service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::rig::{edge, free_address, serving};
use crate::service::Service;
use crate::tool;

/// How long a proxy may take for what it does with a case: it may wait for more bytes.
const LONG: Duration = Duration::from_millis(250);

struct Case {
    /// Requests that are to reach the service.
    passes: u64,
    name: &'static str,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Outcome {
    /// Requests that reached the service.
    forwarded: u64,
    said: String,
}

#[tokio::test]
async fn what_this_proxy_lets_pass_others_let_pass_too() {
    let (ours_service, mut rig) = serving("web").await;
    let ours = rig.listen(edge(&[("/", "web")])).await;
    let mut wrong = Vec::new();
    let outcomes = outcomes(ours, &ours_service).await;
    for (case, outcome) in cases().iter().zip(&outcomes) {
        let refused = outcome.said.starts_with("HTTP/1.1 4");
        let right = outcome.forwarded == case.passes && (case.passes > 0 || refused);
        // The head of a broken body is gone when the body breaks; only its answer is the client's fault.
        if !right {
            wrong.push(format!("{}: {outcome:?}", case.name));
        }
        if refused {
            assert!(
                outcome.said.contains("x-ondol-reason: "),
                "{}: {outcome:?}",
                case.name
            );
        }
    }
    for (name, start) in [("nginx", nginx as Start), ("haproxy", haproxy)] {
        let Some(program) = tool::installed(name) else {
            continue;
        };
        let service = Service::start("web").await;
        let folder = std::env::temp_dir().join(format!("ondol-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let address = free_address();
        let _peer = start(&program, &folder, address, service.address);
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        let theirs = self::outcomes(address, &service).await;
        for (case, (ours, theirs)) in cases().iter().zip(outcomes.iter().zip(&theirs)) {
            if ours.forwarded > theirs.forwarded {
                wrong.push(format!("{name} is stricter with {}: {theirs:?}", case.name));
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

type Start = fn(&Path, &Path, SocketAddr, SocketAddr) -> Child;

fn nginx(program: &Path, folder: &Path, at: SocketAddr, to: SocketAddr) -> Child {
    let text = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/log;\nevents {{}}\nhttp {{ access_log off;
         client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
         server {{ listen {at}; location / {{ proxy_pass http://{to}; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} }}\n",
        folder.display()
    );
    start(program, folder, &text, "-c")
}

fn haproxy(program: &Path, folder: &Path, at: SocketAddr, to: SocketAddr) -> Child {
    let text = format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\nfrontend f\n bind {at}\n default_backend b\nbackend b\n server s {to}\n"
    );
    start(program, folder, &text, "-f")
}

fn start(program: &Path, folder: &Path, text: &str, option: &str) -> Child {
    let file: PathBuf = folder.join("configuration");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(program);
    command
        .arg(option)
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// What came of each case, in their order.
async fn outcomes(at: SocketAddr, service: &Service) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for case in cases() {
        let before = service.requests.load(Ordering::Relaxed);
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(&case.bytes).await.unwrap();
        let mut said = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut said)).await;
        outcomes.push(Outcome {
            forwarded: service.requests.load(Ordering::Relaxed) - before,
            said: String::from_utf8_lossy(&said).into_owned(),
        });
    }
    outcomes
}

/// The corpus for other tests: name and bytes.
pub(crate) fn requests() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    cases().into_iter().map(|case| (case.name, case.bytes))
}

fn cases() -> Vec<Case> {
    let lines = include_str!("smuggling.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (head, bytes) = line.split_once(" | ").unwrap();
            let (expected, name) = match head.strip_prefix("pass ") {
                Some(rest) => rest.split_once(' ').unwrap(),
                None => ("0", head.strip_prefix("refuse ").unwrap()),
            };
            Case {
                passes: expected.parse().unwrap(),
                name,
                bytes: unescaped(bytes),
            }
        })
        .collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => panic!("\\{}", char::from(other)),
        });
    }
    bytes
}
