//! What must not be held back, and what must not pile up.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::http2::{memory_bytes, output};
use crate::rig::{Rig, callable, edge, endpoint, published};
use crate::tls::shop;
use crate::tool::clients;

/// Programs of gRPC and WebSocket, which the tests of the whole system have as services.
fn program(name: &str) -> String {
    format!(
        "{}/../ondol/tests/apps/calls/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// A server of these, and where it listens.
pub(crate) async fn server(python: &str, name: &str) -> (Child, SocketAddr) {
    let mut command = Command::new(python);
    let mut server = command
        .arg(program(name))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    (server, ([127, 0, 0, 1], port).into())
}

/// Makes calls of gRPC.
pub(crate) async fn call(python: &str, at: SocketAddr, more: &[&str]) {
    let (script, at) = (program("grpc_client.py"), at.to_string());
    let arguments = [&[script.as_str(), &at], more].concat();
    assert_eq!(output(python, &arguments).await, "ok\n");
}

#[tokio::test]
async fn grpc_passes_with_its_trailers_in_streams_both_ways_and_by_tls() {
    let Some(python) = clients() else { return };
    let (_server, address) = server(&python, "grpc_server.py").await;
    let (_web, mut rig, authority, secure) = shop("grpc", Default::default()).await;
    rig.publish("grpc", vec![endpoint("grpc", 1, address)])
        .await;
    for purpose in [
        edge(&[("/", "grpc")]),
        published("grpc"),
        callable("grpc", &[]),
    ] {
        let at = rig.listen(purpose).await;
        call(&python, at, &[]).await;
    }
    rig.retarget(secure, edge(&[("/", "grpc")])).await;
    let ca = authority.file("ca.pem");
    call(&python, secure, &["--ca", &ca, "--name", "shop.example"]).await;
}

#[tokio::test]
async fn websockets_pass_whatever_is_in_their_messages() {
    let Some(python) = clients() else { return };
    let (_server, address) = server(&python, "websocket_server.py").await;
    let mut rig = Rig::start().await;
    rig.publish("chat", vec![endpoint("chat", 1, address)])
        .await;
    let at = rig.listen(edge(&[("/", "chat")])).await;
    let url = format!("ws://{at}/chat");
    let said = output(&python, &[&program("websocket_client.py"), &url, "0"]).await;
    assert_eq!(said, "open\nkept 20\n");
}

/// Answers the head of an endless response, then says `word` every `pause`; reads nothing. Counts what it could write.
async fn endless(word: Vec<u8>, pause: Duration) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::<AtomicU64>::default();
    let counted = written.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (word, counted) = (word.clone(), counted.clone());
            tokio::spawn(async move {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut start = [0; 64];
                let _ = stream.read(&mut start).await;
                stream.write_all(head.as_bytes()).await?;
                loop {
                    let chunk =
                        [format!("{:x}\r\n", word.len()).as_bytes(), &word, b"\r\n"].concat();
                    stream.write_all(&chunk).await?;
                    counted.fetch_add(word.len() as u64, Ordering::Relaxed);
                    sleep(pause).await;
                }
                #[expect(unreachable_code, reason = "says the type of the errors above")]
                Ok::<(), std::io::Error>(())
            });
        }
    });
    (address, written)
}

#[tokio::test]
async fn events_reach_the_client_as_they_are_sent() {
    let (address, _) = endless(b"data: now\n\n".to_vec(), Duration::from_millis(100)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    for option in ["--http1.1", "--http2-prior-knowledge"] {
        // curl ends because of its time; what it has heard by then is what counts.
        let line = format!("curl -sN {option} --max-time 1 http://{at}/events; true");
        let heard = output("sh", &["-c", &line]).await;
        let events = heard.matches("data: now").count();
        assert!((5..=11).contains(&events), "{option}: {events}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_makes_the_service_wait_and_not_the_proxy_grow() {
    let (address, written) = endless(vec![b'x'; 64 << 10], Duration::ZERO).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let before = memory_bytes(rig.proxy_id());
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(at).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        clients.push(client);
    }
    let line = format!(
        "curl -s --http2-prior-knowledge --limit-rate 50k --max-time 3 -o /dev/null http://{at}/; true"
    );
    output("sh", &["-c", &line]).await;
    let stuck = written.load(Ordering::Relaxed);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(stuck, written.load(Ordering::Relaxed), "everybody waits");
    let after = memory_bytes(rig.proxy_id());
    assert!(after < before + (8 << 20), "{before} -> {after}");
    assert!(stuck > 0);
}

#[tokio::test]
async fn a_service_that_does_not_read_makes_the_client_wait_and_not_the_proxy_grow() {
    let (address, _) = endless(Vec::new(), Duration::from_secs(60)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let before = memory_bytes(rig.proxy_id());
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n")
        .await
        .unwrap();
    let upload = timeout(Duration::from_secs(2), async {
        let piece = vec![b'x'; 64 << 10];
        loop {
            stream.write_all(&piece).await.unwrap();
        }
    });
    assert!(upload.await.is_err(), "it is never taken");
    let line = format!(
        "head -c 100000000 /dev/zero | curl -s --http2-prior-knowledge --max-time 2 -T - http://{at}/; true"
    );
    output("sh", &["-c", &line]).await;
    let after = memory_bytes(rig.proxy_id());
    assert!(after < before + (8 << 20), "{before} -> {after}");
}
