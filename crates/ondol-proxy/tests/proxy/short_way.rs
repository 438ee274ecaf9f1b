//! Requests that are only passed on take a way of their own. Whatever is asked, what comes of it is the same as on the
//! other one.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::Purpose;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Answer, Client};
use crate::rig::{Rig, edge, endpoint, free_address, serving, shop};
use crate::service::Service;
use crate::smuggling;

const LONG: Duration = Duration::from_millis(250);

const HEADERS: [&str; 14] = [
    "",
    "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\n",
    "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Host: b\r\n",
    "X-Ondol-User: root\r\nX-Ondol-Timeout-Ms: 1\r\nX-Ondol-Mirrored: 1\r\nX-Client-Subject: CN=a\r\n",
    "X-Request-Id: chosen\r\nCookie: a=1\r\nCookie: b=2\r\nAccept:  */* \r\n",
    "X-Request-Id: not one\r\nX-Long-Name-That-Nobody-Has-Ever-Heard-Of: 1\r\n",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=1\r\n",
    "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\r\n",
    "traceparent: nothing\r\ntracestate: a=1\r\n",
    "TE: trailers\r\nExpect: 100-continue\r\n",
    "X_Real_IP: 6.6.6.6\r\nUser-Agent: test/1\r\n",
    "Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n",
];
/// Without those that are asked again: how often depends on what was asked before.
pub(crate) const TARGETS: [&str; 16] = [
    "/",
    "/chunked",
    "/empty",
    "/length",
    "/large",
    "/break",
    "/last",
    "/status/404",
    "/status/503",
    "/a%20b//c/./d",
    "/a/../b",
    "/a?b=%2f&c=\"d\"",
    "/say/200/connection:close",
    "/say/200/connection:x-hop;x-hop:1;keep-alive:5;date:today",
    "/say/200/set-cookie:a=1;set-cookie:b=2;cache-control:max-age=9",
    "/say/304/etag:\"1\"",
];

/// A route for everything that has to be looked at, if only to find that nothing is to be done.
pub(crate) fn looked_at(to: &str) -> Purpose {
    let mut purpose = edge(&[("/", to)]);
    if let Purpose::Edge { routes } = &mut purpose {
        let edits = &mut routes[0].0.treatment.request_headers;
        edits.remove = vec!["x-that-nobody-sends".to_owned()];
    }
    purpose
}

/// What an answer says, without what is another for each request.
fn told(answer: Option<Answer>) -> String {
    let Some(answer) = answer else {
        return "broken off".to_owned();
    };
    let same = |line: &&str| {
        let line = line.to_ascii_lowercase();
        let drawn = [
            "b3: ",
            "x-request-id: ",
            "traceparent: ",
            "date: ",
            "content-length: ",
        ];
        !drawn.iter().any(|name| line.starts_with(name)) || line.ends_with(": chosen")
    };
    let body = String::from_utf8_lossy(&answer.body);
    // The service says what it heard, line by line.
    let mut lines: Vec<&str> = answer
        .head
        .lines()
        .chain(body.lines())
        .filter(same)
        .collect();
    lines[1..].sort_unstable();
    lines.join("\n")
}

/// What the service says that it was told of a trace.
fn traced(answer: &str) -> Vec<&str> {
    let parts = answer
        .lines()
        .find_map(|line| line.strip_prefix("traceparent: "));
    parts.unwrap_or_default().split('-').collect()
}

async fn ask(at: SocketAddr, method: &str, target: &str, headers: &str) -> Option<Answer> {
    let mut client = Client::connect(at).await;
    let head = format!("{method} {target} HTTP/1.1\r\nHost: Shop.example:8080\r\n{headers}\r\n");
    client.send(&head).await;
    match method {
        "HEAD" => client.answer_to_head().await,
        _ => client.answer().await,
    }
}

#[tokio::test]
async fn both_ways_pass_on_the_same() {
    let (web, mut rig) = serving("web").await;
    let short = rig.listen(edge(&[("/", "web")])).await;
    let long = rig.listen(looked_at("web")).await;
    for method in ["GET", "HEAD"] {
        for target in TARGETS {
            for headers in HEADERS {
                let before = web.requests.load(Ordering::Relaxed);
                let one = ask(short, method, target, headers).await;
                let between = web.requests.load(Ordering::Relaxed);
                let other = ask(long, method, target, headers).await;
                let after = web.requests.load(Ordering::Relaxed);
                let about = format!("{method} {target} {headers}");
                if let (Some(one), Some(other)) = (&one, &other)
                    && target == "/"
                    && method == "GET"
                {
                    let (one, other) = (traced(one.text()), traced(other.text()));
                    assert_eq!(one.len(), 4, "{about}");
                    assert_eq!((one[0], one[3]), (other[0], other[3]), "{about}");
                    let goes_on = headers.contains("0af7651916cd43dd8448eb211c80319c");
                    assert_eq!(one[1] == other[1], goes_on, "{about}");
                }
                assert_eq!(told(one), told(other), "{about}");
                assert_eq!(between - before, after - between, "{about}");
            }
        }
    }
    let status = rig.status().await;
    assert_eq!(status.services[0].endpoints[0].in_flight, 0);
}

#[tokio::test]
async fn both_ways_refuse_the_same() {
    let (web, mut rig) = serving("web").await;
    let short = rig.listen(edge(&[("/", "web")])).await;
    let long = rig.listen(looked_at("web")).await;
    // Behind a request that took the short way, too.
    for first in ["", "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n"] {
        for (name, bytes) in smuggling::requests() {
            let bytes = [first.as_bytes(), &bytes].concat();
            let mut outcomes = Vec::new();
            for at in [short, long] {
                let before = web.requests.load(Ordering::Relaxed);
                let mut stream = TcpStream::connect(at).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
                let mut said = Vec::new();
                let _ = timeout(LONG, stream.read_to_end(&mut said)).await;
                let said = String::from_utf8_lossy(&said);
                let statuses = said.lines().filter(|line| line.starts_with("HTTP/1.1 "));
                let statuses: Vec<_> = statuses.map(str::to_owned).collect();
                outcomes.push((web.requests.load(Ordering::Relaxed) - before, statuses));
            }
            assert_eq!(outcomes[0], outcomes[1], "{name} after `{first}`");
        }
    }
}

#[tokio::test]
async fn a_connection_goes_from_one_way_to_the_other_with_everything_that_was_said() {
    let (_web, _rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    let many = "GET /chunked HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
                GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(many).await;
    assert_eq!(client.answer().await.unwrap().text(), "abcdefg");
    assert!(
        client
            .answer()
            .await
            .unwrap()
            .text()
            .starts_with("web GET /1\n")
    );
    assert_eq!(client.answer().await.unwrap().text(), "3");
    assert!(
        client
            .answer()
            .await
            .unwrap()
            .text()
            .starts_with("web GET /2\n")
    );
    // Byte by byte is the same as at once.
    let mut slow = Client::connect(at).await;
    for byte in "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".chars() {
        slow.send(&byte.to_string()).await;
    }
    assert!(
        slow.answer()
            .await
            .unwrap()
            .text()
            .starts_with("web GET /slow\n")
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_not_waited_for_and_an_endpoint_that_is_gone_is_left() {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    let gone = endpoint("web", 2, free_address());
    rig.publish("web", vec![endpoint("web", 1, web.address), gone])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let mut client = Client::connect(at).await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let mut impatient = Client::connect(at).await;
    impatient
        .send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let in_flight = async || rig.status().await.services[0].endpoints[0].in_flight;
    while in_flight().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(impatient);
    let left = async {
        while in_flight().await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), left).await.unwrap();
}
