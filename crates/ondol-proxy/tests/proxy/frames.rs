//! A client of HTTP/2 that says what it wants, frame by frame.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_proxy::{LinkEvent, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::http2::{PREFACE, frame};
use crate::rig::{Rig, edge, endpoint};
use crate::service::Service;
use crate::short_way::{TARGETS, looked_at};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END: u8 = 1;
const ACK: u8 = 1;
const WHOLE: u8 = 4;
const SOON: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_millis(300);
/// The window of each stream.
const WINDOW: u16 = 4;

struct Frames {
    stream: TcpStream,
    said: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frames {
    async fn open(at: SocketAddr, window: u32) -> Frames {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let settings = [&WINDOW.to_be_bytes()[..], &window.to_be_bytes()].concat();
        let first = [&PREFACE[..24], &frame(SETTINGS, 0, 0, &settings)].concat();
        stream.write_all(&first).await.unwrap();
        Frames {
            stream,
            said: Vec::new(),
        }
    }

    async fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let bytes = frame(kind, flags, stream, payload);
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn ask(&mut self, stream: u32, method: &str, path: &str) {
        let mut block = vec![0x86, 0x41, 1, b'a'];
        for (number, value) in [(2, method), (4, path)] {
            block.extend([number, value.len() as u8]);
            block.extend(value.as_bytes());
        }
        let ends = if method == "GET" { END } else { 0 };
        self.say(HEADERS, WHOLE | ends, stream, &block).await;
    }

    async fn open_window(&mut self, stream: u32, by: u32) {
        self.say(WINDOW_UPDATE, 0, stream, &by.to_be_bytes()).await;
    }

    /// The next frame that is about a request or the end of the connection; `None` at its end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            while self.said.len() >= 9 {
                let number = |bytes: &[u8]| {
                    bytes
                        .iter()
                        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
                };
                let length = 9 + number(&self.said[..3]) as usize;
                if self.said.len() < length {
                    break;
                }
                let bytes: Vec<u8> = self.said.drain(..length).collect();
                let frame = Frame {
                    kind: bytes[3],
                    flags: bytes[4],
                    stream: number(&bytes[5..9]),
                    payload: bytes[9..].to_vec(),
                };
                match frame.kind {
                    PING if frame.flags & ACK == 0 => self.say(PING, ACK, 0, &frame.payload).await,
                    SETTINGS | PING | WINDOW_UPDATE => {}
                    _ => return Some(frame),
                }
            }
            match self.stream.read_buf(&mut self.said).await {
                Ok(1..) => {}
                _ => return None,
            }
        }
    }

    /// The bytes of an answer that come within a while, and whether it has ended.
    async fn body(&mut self, stream: u32, patience: Duration) -> (usize, bool) {
        let mut length = 0;
        while let Ok(Some(frame)) = timeout(patience, self.next()).await {
            if frame.stream == stream && matches!(frame.kind, DATA | HEADERS) {
                length += if frame.kind == DATA {
                    frame.payload.len()
                } else {
                    0
                };
                if frame.flags & END != 0 {
                    return (length, true);
                }
            }
        }
        (length, false)
    }
}

/// A service, and two ways to it: requests are only passed on, or looked at.
async fn both_ways() -> (Service, Rig, [SocketAddr; 2]) {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let short = rig.listen(edge(&[("/", "web")])).await;
    let long = rig.listen(looked_at("web")).await;
    (web, rig, [short, long])
}

/// What curl says of an answer, without what is another for each request.
async fn curl(at: SocketAddr, arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args([
        "-s",
        "-i",
        "-m",
        "20",
        "--path-as-is",
        "--http2-prior-knowledge",
    ]);
    command
        .args(["-H", "host: Shop.example:8080"])
        .args(arguments);
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let drawn = [
        "b3: ",
        "x-request-id: ",
        "traceparent: ",
        "date: ",
        "content-length: ",
    ];
    let told = |line: &&str| !drawn.iter().any(|name| line.starts_with(name));
    let mut lines: Vec<_> = text.lines().filter(told).map(str::to_owned).collect();
    lines.sort_unstable();
    let port = format!("{at}");
    format!("{:?}\n{}", output.status.code(), lines.join("\n")).replace(&port, "here")
}

#[tokio::test]
async fn both_ways_of_http2_pass_on_the_same() {
    let (web, rig, ways) = both_ways().await;
    let mut requests: Vec<Vec<&str>> = TARGETS.iter().map(|target| vec![*target]).collect();
    requests.push(vec![
        "/",
        "-H",
        "x-forwarded-for: 6.6.6.6",
        "-H",
        "x-ondol-tried: 1",
    ]);
    requests.push(vec![
        "/",
        "-H",
        "cookie: a=1; b=2",
        "-H",
        "accept: text/*",
        "-A",
        "test/1",
    ]);
    requests.push(vec!["/", "-H", "x_real_ip: 6.6.6.6", "-H", "te: trailers"]);
    requests.push(vec!["/", "--head"]);
    requests.push(vec!["/status/404", "--head"]);
    for request in requests {
        let mut outcomes = Vec::new();
        for at in ways {
            let before = web.requests.load(Ordering::Relaxed);
            let url = format!("http://{at}{}", request[0]);
            let arguments = [&[url.as_str()], &request[1..]].concat();
            let mut said = curl(at, &arguments).await;
            if request[0] == "/break" {
                // How much of an answer arrives before it is broken off is chance; how it ended is not.
                said.truncate(said.find('\n').unwrap_or(said.len()));
            }
            outcomes.push((said, web.requests.load(Ordering::Relaxed) - before));
        }
        assert_eq!(outcomes[0], outcomes[1], "{request:?}");
        assert!(!outcomes[0].0.contains("6.6.6.6"), "{outcomes:?}");
        assert!(!outcomes[0].0.contains("x-ondol-tried"), "{outcomes:?}");
    }
    let status = rig.status().await;
    assert_eq!(status.services[0].endpoints[0].in_flight, 0);
}

#[tokio::test]
async fn an_answer_waits_for_the_windows_of_its_stream_and_of_its_connection() {
    let (_web, _rig, ways) = both_ways().await;
    for at in ways {
        let mut client = Frames::open(at, 0).await;
        client.ask(1, "GET", "/large").await;
        assert_eq!(client.body(1, A_WHILE).await, (0, false));
        client.open_window(1, 10).await;
        assert_eq!(client.body(1, A_WHILE).await, (10, false));
        client.open_window(1, 16 << 20).await;
        assert_eq!(client.body(1, A_WHILE).await, (65_535 - 10, false));
        // What is asked besides is heard, though nobody could be sent a byte.
        client.ask(3, "GET", "/status/404").await;
        client.open_window(0, 16 << 20).await;
        client.open_window(3, 1000).await;
        assert_eq!(client.body(1, SOON).await, ((8 << 20) - 65_535, true));
    }
}

#[tokio::test]
async fn a_request_that_is_taken_back_is_let_go_of_and_the_others_are_answered() {
    let (_web, rig, ways) = both_ways().await;
    for at in ways {
        let mut client = Frames::open(at, 1 << 20).await;
        client.ask(1, "GET", "/silent").await;
        let in_flight = async || rig.status().await.services[0].endpoints[0].in_flight;
        while in_flight().await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        client.say(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
        client.ask(3, "GET", "/empty").await;
        assert_eq!(client.body(3, SOON).await, (0, true));
        let began = Instant::now();
        while in_flight().await > 0 {
            assert!(began.elapsed() < SOON, "still in flight");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_request_that_an_endpoint_gave_no_answer_to_is_asked_elsewhere() {
    let web = Service::start("web").await;
    let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = endpoint("web", 2, hangs_up.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = hangs_up.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address), other])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let mut client = Frames::open(at, 1 << 20).await;
    for number in 0..40 {
        let stream = number * 2 + 1;
        client.ask(stream, "GET", "/").await;
        let head = client.next().await.unwrap();
        assert_eq!((head.kind, head.stream), (HEADERS, stream), "{head:?}");
        assert!(head.payload.contains(&0x88), "200: {head:?}");
        assert!(client.body(stream, SOON).await.1);
    }
    let errors = |status: ondol_proxy::Status| status.services[0].endpoints[1].errors;
    assert!(errors(rig.status().await) > 0, "nobody was asked twice");
}

#[tokio::test]
async fn everything_that_was_asked_before_the_connection_ends_is_answered() {
    let web = Service::with_delay("web", Duration::from_millis(3)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    for _ in 0..3 {
        let mut client = Frames::open(at, 1 << 20).await;
        let (mut open, mut next, mut last, mut answered) = (BTreeSet::new(), 1, None, 0);
        let mut old = None;
        open.insert(next);
        client.ask(next, "GET", "/").await;
        next += 2;
        while let Some(frame) = timeout(SOON, client.next()).await.expect("no hang") {
            match frame.kind {
                GOAWAY => {
                    let number = |at: usize| {
                        u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap())
                    };
                    assert_eq!(number(4), 0, "{frame:?}");
                    // The first says that there is another; what is on its way until then is answered too.
                    assert!(last.is_some() || number(0) == 0x7fff_ffff, "{frame:?}");
                    last = Some(number(0));
                }
                _ if frame.flags & END != 0 && open.remove(&frame.stream) => answered += 1,
                _ => {}
            }
            if last.is_none() && open.len() < 4 {
                while open.len() < 8 {
                    open.insert(next);
                    client.ask(next, "GET", "/").await;
                    next += 2;
                }
            }
            if answered > 40 && old.is_none() {
                old = Some(rig.ask_to_stop());
            }
        }
        assert_eq!(
            (open.len(), last),
            (0, Some(next - 2)),
            "asked, and not answered"
        );
        while !matches!(rig.event().await, LinkEvent::Lost) {}
        rig.start_proxy();
        rig.connected().await;
        let mut old = old.unwrap();
        let ended = tokio::task::spawn_blocking(move || old.wait().unwrap());
        assert!(timeout(SOON, ended).await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_is_not_waited_for() {
    let (_web, rig, [at, _]) = both_ways().await;
    let mut stalled = Frames::open(at, 1 << 20).await;
    stalled.ask(1, "POST", "/length").await;
    stalled.say(DATA, 0, 1, b"abc").await;
    // One that goes on is waited for.
    let mut slow = Frames::open(at, 1 << 20).await;
    slow.ask(1, "POST", "/length").await;
    let began = Instant::now();
    let count = async || {
        let refused = rig.status().await.listeners[0].refused.clone();
        refused.get(&Refusal::ClientStalled).copied().unwrap_or(0)
    };
    while count().await == 0 {
        assert!(began.elapsed() < Duration::from_secs(45), "not cut");
        let _ = stalled.say(PING, 0, 0, &[1; 8]).await;
        slow.say(DATA, 0, 1, b"a").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(25));
    slow.say(DATA, END, 1, b"a").await;
    assert!(slow.body(1, SOON).await.1);
    assert_eq!(count().await, 1);
}
