//! What the machine itself shows, and servers of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use ondol_model::*;
use ondol_runtime::Sandbox;

use super::Node;

pub(crate) async fn eventually(what: &str, there: impl Fn() -> bool) {
    for _ in 0..1000 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not so after 10 s: {what}");
}

#[expect(clippy::disallowed_methods, reason = "measurements of tests")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The sandboxes that work here; says which are left out.
pub(crate) fn sandboxes() -> Vec<Sandbox> {
    let mut found = Vec::new();
    for sandbox in [Sandbox::Root, Sandbox::User] {
        match sandbox.works() {
            Ok(()) => found.push(sandbox),
            Err(why) => skip(format_args!("{sandbox:?}: {why}")),
        }
    }
    found
}

/// Says what is not tested here, and why.
pub(crate) fn skip(why: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Processes that were started for a replica of a node.
pub(crate) fn marked(node: &Node, replica: &ReplicaId) -> Vec<u32> {
    let dir = fs::canonicalize(&node.dir).unwrap();
    let tag = Digest::of(dir.as_os_str().as_encoded_bytes());
    let marks = [
        format!("ONDOL_NODE={tag}"),
        format!("ONDOL_REPLICA={replica}"),
    ];
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let env = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |mark: &String| {
                env.split(|&byte| byte == 0)
                    .any(|var| var == mark.as_bytes())
            };
            marks.iter().all(has)
        })
        .collect()
}

/// Processes with these words after each other in their command line.
pub(crate) fn processes(words: &[&str]) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command: Vec<&[u8]> = command.split(|&byte| byte == 0).collect();
        let mut places = command.windows(words.len());
        places.any(|place| {
            place
                .iter()
                .zip(words)
                .all(|(is, word)| *is == word.as_bytes())
        })
    })
    .collect()
}

/// The process that carries what leaves the world of a node.
pub(crate) fn carrier(node: &Node) -> Option<u32> {
    let record = fs::read(node.dir.join("way-out.json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    record["process"]["pid"].as_u64()?.try_into().ok()
}

pub(crate) fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

pub(crate) fn kill(pid: u32) {
    assert!(kill_if_there(pid), "process {pid} is gone");
}

pub(crate) fn kill_if_there(pid: u32) -> bool {
    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).is_ok()
}

/// A server of the machine itself, at an address that is not loopback's; what it says is `outside`.
pub(crate) fn outside() -> Option<SocketAddr> {
    // Nothing is sent: it asks for the way to an address of the documentation (RFC 5737).
    let way = UdpSocket::bind("0.0.0.0:0").ok()?;
    way.connect("198.51.100.7:9").ok()?;
    serve(way.local_addr().ok()?.ip())
}

/// A server of the machine itself; what it says is `outside`.
pub(crate) fn serve(ip: IpAddr) -> Option<SocketAddr> {
    let listener = TcpListener::bind((ip, 0)).ok()?;
    let address = listener.local_addr().ok()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            use std::io::Write as _;
            let _ = (&stream).write_all(b"outside");
        }
    });
    Some(address)
}
