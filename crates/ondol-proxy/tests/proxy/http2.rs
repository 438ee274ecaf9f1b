use std::process::Stdio;
use std::time::Duration;

use ondol_model::Purpose;
use ondol_proxy::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{Client, get};
use crate::rig::{Rig, edge, endpoint, service, serving};
use crate::service::Service;

/// Standard output of a program that must succeed.
pub(crate) async fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = timeout(Duration::from_secs(60), command.output());
    let output = output.await.expect("it ends").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{errors}"
    );
    text
}

/// The exit code of a program.
pub(crate) async fn status_of(program: &str, arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    timeout(Duration::from_secs(60), command.status())
        .await
        .expect("it ends")
        .unwrap()
        .code()
}

async fn shop(app_protocol: Option<&str>) -> (Service, Rig, String) {
    let (web, mut rig) = serving("web").await;
    let purpose = match app_protocol {
        None => edge(&[("/", "web")]),
        Some(said) => Purpose::Published {
            service: service("web"),
            port: 80,
            app_protocol: Some(said.to_owned()),
        },
    };
    let at = rig.listen(purpose).await;
    (web, rig, format!("http://{at}"))
}

#[tokio::test]
async fn curl_speaks_http2_to_a_service_that_speaks_http1() {
    let (_web, _rig, url) = shop(None).await;
    let knows = "--http2-prior-knowledge";
    let answer = output(
        "curl",
        &["-si", knows, "-H", "cookie: a=1", &format!("{url}/x?y")],
    )
    .await;
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    assert!(
        answer.contains("x-from: service") && !answer.contains("keep-alive"),
        "{answer}"
    );
    assert!(
        answer.contains("web GET /x?y") && answer.contains("cookie: a=1"),
        "{answer}"
    );
    assert!(answer.contains("x-forwarded-for: 127.0."), "{answer}");
    let body = std::env::temp_dir().join(format!("ondol-body-{}", std::process::id()));
    std::fs::write(&body, vec![b'x'; 3_000_000]).unwrap();
    let posted = [
        "-s",
        knows,
        "-T",
        body.to_str().unwrap(),
        &format!("{url}/length"),
    ];
    assert_eq!(output("curl", &posted).await, "3000000");
    std::fs::remove_file(body).unwrap();
    assert_eq!(
        output("curl", &["-s", knows, &format!("{url}/chunked")]).await,
        "abcdefg"
    );
    let large = output("curl", &["-s", knows, &format!("{url}/large")]).await;
    assert_eq!(large.len(), 8 << 20);
}

#[tokio::test]
async fn many_requests_share_connections_of_http2() {
    let (web, rig, url) = shop(None).await;
    let arguments = ["-n", "4000", "-c", "4", "-m", "32", &format!("{url}/")];
    let report = output("h2load", &arguments).await;
    assert!(report.contains("4000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{report}");
    assert_eq!(rig.status().await.listeners[0].accepted, 4);
    assert!(web.connections.load(std::sync::atomic::Ordering::Relaxed) <= 128);
}

#[tokio::test]
async fn http1_clients_reach_a_service_that_speaks_only_http2() {
    // nghttpd is a server of HTTP/2 that is not ours.
    let folder = std::env::temp_dir().join(format!("ondol-nghttpd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("film"), "x".repeat(3 << 20)).unwrap();
    let address = crate::rig::free_address();
    let mut server = Command::new("nghttpd");
    let port = address.port().to_string();
    server.args(["--no-tls", "-a", &address.ip().to_string(), "-d"]);
    let _server = server
        .arg(&folder)
        .arg(&port)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig
        .listen(Purpose::Published {
            service: service("web"),
            port: 80,
            app_protocol: Some("h2c".to_owned()),
        })
        .await;
    let mut client = Client::connect(at).await;
    for _ in 0..3 {
        let answer = client.get("/film").await;
        assert_eq!((answer.status, answer.body.len()), (200, 3 << 20));
    }
    assert_eq!(client.get("/nothing").await.status, 404);
    let report = output(
        "h2load",
        &[
            "-n",
            "2000",
            "-c",
            "2",
            "-m",
            "20",
            &format!("http://{at}/film"),
        ],
    )
    .await;
    assert!(report.contains("2000 2xx"), "{report}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_listener_that_closes_says_goaway_and_finishes_what_was_asked() {
    let web = Service::with_delay("web", Duration::from_millis(400)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let url = format!("http://{at}/");
    let asking =
        tokio::spawn(
            async move { output("curl", &["-si", "--http2-prior-knowledge", &url]).await },
        );
    tokio::time::sleep(Duration::from_millis(150)).await;
    rig.close(at).await;
    let answer = asking.await.unwrap();
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    let mut idle = 0;
    while rig
        .status()
        .await
        .listeners
        .iter()
        .any(|listener| listener.open > 0)
    {
        idle += 1;
        assert!(idle < 100, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) const PREFACE: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `:method GET`, `:scheme http`, `:path /`, `:authority a` (RFC 7541, appendix A).
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

/// Says the same until the other side hangs up; how much was sent.
async fn insist(at: std::net::SocketAddr, make: impl Fn(u32) -> Vec<u8>) -> u32 {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all).await;
    });
    let mut sent = 0;
    let hung_up = timeout(Duration::from_secs(20), async {
        while !reading.is_finished() && to.write_all(&make(sent)).await.is_ok() {
            sent += 1;
            if sent.is_multiple_of(64) {
                tokio::task::yield_now().await;
            }
        }
    });
    assert!(hung_up.await.is_ok(), "the proxy never hung up");
    sent
}

#[tokio::test]
async fn floods_of_http2_end_the_connection_with_a_reason_and_others_are_served() {
    let (_web, rig, url) = shop(None).await;
    let at = url.trim_start_matches("http://").parse().unwrap();
    // Rapid reset: requests that are taken back at once.
    insist(at, |n| {
        [
            frame(HEADERS, 5, n * 2 + 1, GET),
            frame(RST_STREAM, 0, n * 2 + 1, &[0, 0, 0, 8]),
        ]
        .concat()
    })
    .await;
    // A head that never ends.
    insist(at, |n| match n {
        0 => frame(HEADERS, 1, 1, GET),
        _ => frame(CONTINUATION, 0, 1, &[0x40, 1, b'a', 1, b'b'].repeat(1000)),
    })
    .await;
    let refused = rig.status().await.listeners[0].refused.clone();
    assert!(refused[&Refusal::Http2Abuse] >= 1, "{refused:?}");
    // Frames that are none.
    insist(at, |_| frame(SETTINGS, 0, 1, &[])).await;
    let refused = rig.status().await.listeners[0].refused.clone();
    assert!(refused[&Refusal::BadFrame] >= 1, "{refused:?}");
    assert_eq!(get(at, "/").await.status, 200);
}

#[tokio::test]
async fn pings_that_nobody_reads_the_answers_of_do_not_fill_the_memory() {
    let (_web, rig, url) = shop(None).await;
    let at: std::net::SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let before = memory_bytes(rig.proxy_id());
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let flood = [frame(PING, 0, 0, &[1; 8]), frame(SETTINGS, 0, 0, &[])]
        .concat()
        .repeat(1000);
    // Writing stops being possible: the proxy reads no more than it can answer.
    let wrote = timeout(Duration::from_secs(3), async {
        loop {
            stream.write_all(&flood).await.unwrap();
        }
    });
    assert!(wrote.await.is_err());
    let after = memory_bytes(rig.proxy_id());
    assert!(after < before + (8 << 20), "{before} -> {after}");
    assert_eq!(get(at, "/").await.status, 200);
}

const WINDOW_OF_0: &[u8] = &[0, 4, 0, 0, 0, 0];

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_and_so_is_one_that_stops_in_its_body() {
    let (_web, rig, url) = shop(None).await;
    let at: std::net::SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    // HTTP/2 whose window never opens, and that goes on to say that it lives.
    let mut stalled = TcpStream::connect(at).await.unwrap();
    stalled.write_all(&PREFACE[..24]).await.unwrap();
    let asked = [
        frame(SETTINGS, 0, 0, WINDOW_OF_0),
        frame(HEADERS, 5, 1, GET),
    ];
    stalled.write_all(&asked.concat()).await.unwrap();
    // HTTP/1 whose client reads nothing, and one that sends a part of its body.
    let mut deaf = Client::connect(at).await;
    deaf.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut slow = Client::connect(at).await;
    slow.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    // One that takes a little all the time is not cut.
    let mut patient = Client::connect(at).await;
    patient.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let count = async || {
        let refused = rig.status().await.listeners[0].refused.clone();
        refused.get(&Refusal::ClientStalled).copied().unwrap_or(0)
    };
    let began = tokio::time::Instant::now();
    while count().await < 3 {
        assert!(began.elapsed() < Duration::from_secs(45), "not cut");
        let _ = stalled.write_all(&frame(PING, 0, 0, &[1; 8])).await;
        assert!(patient.take(64 << 10).await.is_some());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(25));
    assert!(slow.is_ended().await);
    assert!(patient.take(64 << 10).await.is_some());
    assert_eq!(get(at, "/").await.status, 200);
}

/// Resident memory of a process.
pub(crate) fn memory_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
