//! How long an answer is waited for where the service's file says nothing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::rig::shop;

/// A little longer than services have, and what the proxy may need to notice.
const LONGER: Duration = Duration::from_secs(64);

/// Asks, and says what the answer begins with and how many seconds it took; nothing when there is none for longer.
async fn ask(at: SocketAddr, request: &str) -> Option<(String, u64)> {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let began = Instant::now();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let read = timeout(LONGER, stream.read(&mut head)).await.ok()?.unwrap();
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    Some((head, began.elapsed().as_secs()))
}

#[tokio::test]
async fn a_service_that_does_not_answer_has_a_minute_and_events_may_take_longer() {
    let (_web, _rig, at) = shop().await;
    let get = "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let events = "GET /silent HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";
    let url = format!("http://{at}/silent");
    let said = ["-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}"];
    let mut curl = tokio::process::Command::new("curl");
    curl.args(said).args(["--http2-prior-knowledge", &url]);
    let (get, post, events, http2) =
        tokio::join!(ask(at, get), ask(at, post), ask(at, events), curl.output(),);
    for answer in [get, post] {
        let (head, seconds) = answer.unwrap();
        assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
        assert!(head.contains("x-ondol-reason: response_timeout"), "{head}");
        assert!((59..63).contains(&seconds), "after {seconds} s");
    }
    assert_eq!(events, None, "it may take as long as it takes");
    let http2 = String::from_utf8(http2.unwrap().stdout).unwrap();
    assert!(http2.starts_with("504 6"), "{http2}");
}
