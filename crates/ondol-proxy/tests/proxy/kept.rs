//! Fresh answers that are kept are given on a way of their own. Whatever is asked, what comes of it is the same as on
//! the other one.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::{Access, Bytes, CacheRule, Guard, Local, Origin, Purpose, SignalRules, SpanId};

use crate::client::{Answer, Client};
use crate::rig::{Rig, endpoint, guarded, service};
use crate::service::Service;

const PLAIN: &str = "/say/200/cache-control:max-age=60?plain";
const TARGETS: [&str; 9] = [
    PLAIN,
    "/say/200/cache-control:max-age=60;etag:\"1\"",
    "/say/200/cache-control:max-age=60;vary:accept-language,accept-encoding",
    "/say/200/cache-control:max-age=60;age:5;accept-ranges:none;cache-status:other;x-a:1;x-a:2",
    "/say/404/cache-control:max-age=60;accept-ranges:none",
    "/say/200/cache-control:no-store",
    "/say/200/cache-control:max-age=60?b=1&page=2&a=1",
    "/empty",
    "/large",
];
const HEADERS: [&str; 18] = [
    "",
    "Accept-Language: ko\r\nAccept-Encoding: gzip, br\r\nUser-Agent: test/1\r\n",
    "Accept-Language:  ko \r\naccept-encoding: BR\r\nAccept-Encoding: gzip\r\n",
    "Accept-Language: ko, en\r\n",
    "Cache-Control: no-cache\r\nPragma: no-cache\r\n",
    "Cache-Control: no-store\r\n",
    "Cache-Control: only-if-cached\r\n",
    "If-None-Match: \"1\"\r\n",
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "If-Match: \"2\"\r\n",
    "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "Range: bytes=0-2\r\n",
    "Range: bytes=0-2\r\nIf-Range: \"1\"\r\n",
    "Authorization: Bearer a\r\nCookie: a=1\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\nX_Real_IP: 6.6.6.6\r\n",
    "Upgrade: h2c\r\nConnection: upgrade\r\n",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Request-Id: chosen\r\n",
];

fn kept() -> Purpose {
    let rule = CacheRule {
        ttl: Some(Duration::from_secs(60)),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        query: None,
        body_bytes_max: Bytes(10 << 20),
    };
    let guard = Guard {
        cache: Some(rule),
        ..Guard::default()
    };
    guarded(guard, "web")
}

/// The same for requests that have to be looked at, if only to find that nothing is to be done.
fn looked_at() -> Purpose {
    let mut purpose = kept();
    if let Purpose::Edge { routes } = &mut purpose {
        let edits = &mut routes[0].0.treatment.request_headers;
        edits.remove = vec!["x-that-nobody-sends".to_owned()];
    }
    purpose
}

/// An answer without what is another each time.
fn told(answer: &Answer) -> (Vec<String>, &[u8]) {
    let line = |line: &str| match line.split_once(": ") {
        Some((name @ ("age" | "date"), _)) => name.to_owned(),
        _ => line.to_owned(),
    };
    let mut lines: Vec<_> = answer.head.lines().map(line).collect();
    lines[1..].sort_unstable();
    (lines, &answer.body)
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

/// The short way and the other one, to the same answers.
async fn ways(rules: Option<SignalRules>) -> (Rig, Service, [SocketAddr; 2]) {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    rig.signals = rules
        .map(|rules| (service("web").project, rules))
        .into_iter()
        .collect();
    let endpoints = vec![endpoint("web", 1, web.address)];
    rig.publish("web", endpoints).await;
    let at = [rig.listen(kept()).await, rig.listen(looked_at()).await];
    (rig, web, at)
}

#[tokio::test]
async fn both_ways_give_the_same() {
    let (rig, web, [short, long]) = ways(None).await;
    for method in ["GET", "HEAD"] {
        for target in TARGETS {
            for headers in HEADERS {
                // So that both find the same.
                ask(long, "GET", target, headers).await;
                let before = web.requests.load(Ordering::Relaxed);
                let one = ask(short, method, target, headers).await.unwrap();
                let between = web.requests.load(Ordering::Relaxed);
                let other = ask(long, method, target, headers).await.unwrap();
                let after = web.requests.load(Ordering::Relaxed);
                let about = format!("{method} {target} {headers}");
                assert_eq!(between - before, after - between, "{about}");
                let (one, other) = (told(&one), told(&other));
                assert_eq!(one.0, other.0, "{about}");
                // What was not kept says who asked for it.
                assert!(one.1 == other.1 || after > before, "{about}");
            }
        }
    }
    let status = rig.status().await;
    assert_eq!(status.services[0].endpoints[0].in_flight, 0);
}

#[tokio::test]
async fn one_after_another_is_answered_on_one_connection_until_one_is_not_kept() {
    let (_rig, web, [short, _]) = ways(None).await;
    let first = ask(short, "GET", PLAIN, "").await.unwrap();
    let mut client = Client::connect(short).await;
    let one = format!("GET {PLAIN} HTTP/1.1\r\nHost: Shop.example\r\n\r\n");
    client.send(&one.repeat(20)).await;
    client.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.send(&one).await;
    for _ in 0..20 {
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.body, first.body);
        // As it is written where nothing is parsed.
        assert!(answer.head.ends_with("age: 0\r\n\r\n"), "{}", answer.head);
    }
    let other = client.answer().await.unwrap();
    assert!(other.text().starts_with("web GET /other\n"));
    let again = client.answer().await.unwrap();
    assert_eq!(again.header("cache-status"), Some("ondol; hit"));
    assert_eq!(web.requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn both_ways_are_noted_alike() {
    let (mut rig, _web, at) = ways(Some(SignalRules::default())).await;
    let traced = HEADERS[HEADERS.len() - 1];
    ask(at[1], "GET", PLAIN, "").await;
    for at in at {
        ask(at, "GET", PLAIN, traced).await;
        ask(at, "HEAD", PLAIN, traced).await;
    }
    let all = rig.signals(5).await;
    let hits = all.iter().flat_map(|signals| &signals.records);
    let hits = hits.filter(|record| record.reason == Some(Local::CacheHit.into()));
    let without_times = hits.map(|record| {
        let mut record: Access = record.clone();
        (record.at_unix_ns, record.duration_ns) = (0, 0);
        record.span = SpanId(0);
        // Both are of one route, at two addresses.
        record.origin = Origin::Edge;
        record
    });
    let noted: Vec<_> = without_times.collect();
    assert_eq!(noted.len(), 4);
    for method in ["GET", "HEAD"] {
        let of: Vec<_> = noted.iter().filter(|one| one.method == method).collect();
        assert_eq!(of[0], of[1]);
        assert_eq!(of[0].bytes_out > 0, method == "GET");
        assert_eq!(of[0].request_id.as_deref(), Some("chosen"));
    }
}
