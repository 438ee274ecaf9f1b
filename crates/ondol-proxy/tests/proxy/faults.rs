//! Services that break the rules: whatever they do, the client gets a whole answer or a connection that ends, soon, and
//! the next client is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ondol_model::{Resilience, Retry, Timeouts, Traffic, TrafficPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::client::{Answer, Client, get};
use crate::http2::memory_bytes;
use crate::rig::{Rig, edge, endpoint, service};
use crate::service::Service;

const SOON: Duration = Duration::from_secs(15);

/// What a service does with each connection once it has read the head of a request.
#[derive(Clone, Copy)]
enum Deed {
    /// Sends these bytes and hangs up.
    Says(&'static str),
    /// Sends these bytes and stays.
    SaysAndStays(&'static str),
    /// Breaks the connection (RST).
    Resets,
    /// Sends a header of 10 MB.
    OneLargeHeader,
    /// Sends headers until nobody takes them any more.
    HeadersWithoutEnd,
    /// Says that there will be an answer, for ever (RFC 9110, section 15.2).
    EarlyHintsWithoutEnd,
}

async fn bad_service(deed: Deed) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<AtomicU64>::default();
    let counter = requests.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move { misbehave(stream, deed, &counter).await });
        }
    });
    (address, requests)
}

async fn misbehave(mut stream: TcpStream, deed: Deed, counter: &AtomicU64) -> Option<()> {
    let mut head = vec![0; 64 << 10];
    let mut length = 0;
    while !head[..length].windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut head[length..]).await {
            Ok(read @ 1..) => length += read,
            _ => return None,
        }
    }
    counter.fetch_add(1, Ordering::Relaxed);
    let mut write = async |bytes: &[u8]| stream.write_all(bytes).await.ok();
    match deed {
        Deed::Says(text) => write(text.as_bytes()).await?,
        Deed::SaysAndStays(text) => {
            write(text.as_bytes()).await?;
            std::future::pending().await
        }
        Deed::Resets => {
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
        Deed::OneLargeHeader => {
            write(b"HTTP/1.1 200 OK\r\nX-Large: ").await?;
            write(&vec![b'x'; 10 << 20]).await?;
            write(b"\r\ncontent-length: 0\r\n\r\n").await?;
        }
        Deed::HeadersWithoutEnd => {
            write(b"HTTP/1.1 200 OK\r\n").await?;
            while write(&b"X-More: of it\r\n".repeat(1000)).await.is_some() {}
        }
        Deed::EarlyHintsWithoutEnd => {
            while write(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000))
                .await
                .is_some()
            {}
        }
    }
    Some(())
}

/// A proxy before such a service, with times that end within a test.
async fn before(deed: Deed) -> (Rig, SocketAddr, Arc<AtomicU64>) {
    let (address, requests) = bad_service(deed).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let time = |millis| Some(Duration::from_millis(millis));
    let resilience = Resilience {
        timeouts: Timeouts {
            response: time(1000),
            idle: time(1000),
            ..Timeouts::default()
        },
        retry: Retry {
            attempts: 1,
            ..Retry::default()
        },
        ..Resilience::default()
    };
    let traffic = Traffic {
        resilience,
        ..Traffic::default()
    };
    rig.traffic = vec![TrafficPolicy {
        service: service("web"),
        traffic,
    }];
    let at = rig.listen(edge(&[("/", "web")])).await;
    (rig, at, requests)
}

/// The answer to one request; `None` when the connection ended before it was whole.
async fn ask(at: SocketAddr) -> Option<Answer> {
    let mut client = Client::connect(at).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answered = timeout(SOON, client.answer()).await;
    answered.expect("an end, and no hang")
}

/// The proxy is as well as before: nothing is open or in flight, and its memory is its own.
async fn is_well(mut rig: Rig, at: SocketAddr, before: u64) {
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 2, web.address)])
        .await;
    assert_eq!(get(at, "/").await.status, 200);
    for _ in 0..200 {
        let status = rig.status().await;
        let in_flight = |service: &ondol_proxy::ServiceStatus| {
            let all = service.endpoints.iter();
            all.map(|endpoint| endpoint.in_flight).sum::<u64>()
        };
        if status.services.iter().map(in_flight).sum::<u64>() == 0 {
            let now = memory_bytes(rig.proxy_id());
            assert!(now < before + (8 << 20), "{before} -> {now}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("something is still in flight");
}

#[tokio::test]
async fn an_answer_that_is_none_becomes_a_502() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd";
    for (deed, expected) in [
        (Deed::Says(""), "upstream_closed"),
        (Deed::Says("HTTP/1.1 200 OK\r\n"), "upstream_closed"),
        (
            Deed::Says("\x16\x03\x01\x02nothing that is HTTP\r\n\r\n"),
            "upstream_closed",
        ),
        (Deed::Says("HTTP/1.1 99999 No\r\n\r\n"), "upstream_closed"),
        (
            Deed::Says("HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n"),
            "upstream_closed",
        ),
        (Deed::Says(endless), "upstream_closed"),
        (Deed::Resets, "upstream_closed"),
        (Deed::OneLargeHeader, "upstream_closed"),
        (Deed::HeadersWithoutEnd, "upstream_closed"),
        (
            Deed::Says("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            "upstream_broke",
        ),
    ] {
        let (rig, at, _) = before(deed).await;
        let memory = memory_bytes(rig.proxy_id());
        let answer = ask(at).await.expect("an answer");
        let said = (answer.status, answer.header("x-ondol-reason"));
        assert_eq!(said, (502, Some(expected)), "{answer:?}");
        is_well(rig, at, memory).await;
    }
}

#[tokio::test]
async fn an_answer_that_never_begins_becomes_a_504() {
    for deed in [
        Deed::SaysAndStays(""),
        Deed::SaysAndStays("HTTP/1.1 200 OK\r\ncontent-le"),
        Deed::EarlyHintsWithoutEnd,
    ] {
        let (rig, at, _) = before(deed).await;
        let memory = memory_bytes(rig.proxy_id());
        let answer = ask(at).await.expect("an answer");
        let said = (answer.status, answer.header("x-ondol-reason"));
        assert_eq!(said, (504, Some("response_timeout")), "{answer:?}");
        is_well(rig, at, memory).await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    for deed in [
        Deed::Says("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntoo short"),
        Deed::SaysAndStays("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntoo short"),
        Deed::Says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc"),
        Deed::Says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"),
        Deed::Says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
    ] {
        let (rig, at, _) = before(deed).await;
        let memory = memory_bytes(rig.proxy_id());
        assert!(ask(at).await.is_none(), "it was never whole");
        is_well(rig, at, memory).await;
    }
}

#[tokio::test]
async fn what_comes_behind_an_answer_is_no_answer_to_the_next_request() {
    let split = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (rig, at, requests) = before(Deed::SaysAndStays(split)).await;
    let memory = memory_bytes(rig.proxy_id());
    for _ in 0..5 {
        assert_eq!(ask(at).await.expect("an answer").text(), "abc");
    }
    assert_eq!(
        requests.load(Ordering::Relaxed),
        5,
        "each by a connection of its own"
    );
    is_well(rig, at, memory).await;
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_read_reaches_the_client() {
    let early = "HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge";
    for deed in [Deed::Says(early), Deed::SaysAndStays(early)] {
        let (rig, at, _) = before(deed).await;
        let memory = memory_bytes(rig.proxy_id());
        let mut client = Client::connect(at).await;
        let length = 20 << 20;
        client
            .send(&format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;
        // As much as anybody takes of it.
        let sending = async {
            let piece = vec![b'x'; 64 << 10];
            for _ in 0..length / piece.len() {
                if client.stream.write_all(&piece).await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(Duration::from_secs(3), sending).await;
        let answer = timeout(SOON, client.answer()).await.expect("no hang");
        // A service that hangs up while its client still sends may take its answer with it (RFC 9112, section 9.6).
        let status = answer.map(|answer| answer.status);
        assert!(matches!(status, Some(413 | 502) | None), "{status:?}");
        if matches!(deed, Deed::SaysAndStays(_)) {
            assert_eq!(status, Some(413));
        }
        is_well(rig, at, memory).await;
    }
}
