use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;

use crate::client::{Client, get};
use crate::rig::{Rig, edge, endpoint, free_address, published, serving, shop};
use crate::service::Service;

#[tokio::test]
async fn requests_go_by_host_and_path_and_others_are_told_why_not() {
    let (web, api) = (Service::start("web").await, Service::start("api").await);
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    rig.publish("api", vec![endpoint("api", 1, api.address)])
        .await;
    let routes = [
        ("*.example/", "web"),
        ("shop.example/api!", "api"),
        ("other/x", "gone"),
    ];
    let at = rig.listen(edge(&routes)).await;

    assert!(
        get(at, "/page?q=1")
            .await
            .text()
            .starts_with("web GET /page?q=1\n")
    );
    let stripped = get(at, "/api/cart?q=1").await;
    assert!(
        stripped.text().starts_with("api GET /cart?q=1\n"),
        "{stripped:?}"
    );
    assert!(
        stripped.text().contains("x-forwarded-prefix: /api"),
        "{stripped:?}"
    );
    assert!(
        get(at, "/api?q=1")
            .await
            .text()
            .starts_with("api GET /?q=1\n")
    );
    assert!(get(at, "/api").await.text().starts_with("api GET /\n"));
    assert!(get(at, "/apis").await.text().starts_with("web GET /apis\n"));

    let mut client = Client::connect(at).await;
    client
        .send("GET /y HTTP/1.1\r\nHost: other:80\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-ondol-reason")),
        (404, Some("no_route"))
    );
    assert_eq!(answer.text(), "404 no route for other/y\n");
    client.send("GET /x HTTP/1.1\r\nHost: other\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-ondol-reason")),
        (503, Some("no_endpoint"))
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.text(), "503 no replica of shop/gone is ready\n");

    let status = rig.status().await;
    let refused: u64 = status
        .listeners
        .iter()
        .flat_map(|l| l.refused.values())
        .sum();
    assert_eq!(refused, 1, "{status:?}");
    let gone = status
        .services
        .iter()
        .find(|s| s.service.service.as_str() == "gone")
        .unwrap();
    assert_eq!(gone.refused.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn headers_of_one_hop_stay_there_and_the_edge_says_who_asked() {
    let (_web, _rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: Shop.example:8080\r\nConnection: keep-alive, X-Secret\r\n\
             X-Secret: 1\r\nTE: trailers, gzip\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\
             X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
             X-Request-Id: bad id\r\nCookie: a=1\r\n\r\n",
        )
        .await;
    let answer = client.answer().await.unwrap();
    let seen = answer.text();
    for gone in [
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "6.6.6.6",
        "gzip",
        "bad id",
    ] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
    for there in [
        "host: Shop.example:8080",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: Shop.example:8080",
        "te: trailers",
        "cookie: a=1",
        "x-request-id: ",
    ] {
        assert!(seen.contains(there), "{there} not in {seen}");
    }
    assert_eq!(answer.header("keep-alive"), None);
    assert_eq!(answer.header("x-from"), Some("service"));
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let (web, mut rig) = serving("web").await;
    let at = rig.listen(published("web")).await;
    let mut client = Client::connect(at).await;
    for _ in 0..50 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(web.connections.load(Ordering::Relaxed), 1);
    // A connection that the service ends with an answer is not used again.
    assert_eq!(client.get("/last").await.text(), "last");
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(web.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn every_form_of_body_passes() {
    let (_web, rig, at) = shop().await;
    let mut client = Client::connect(at).await;

    assert_eq!(client.get("/chunked").await.text(), "abcdefg");
    assert_eq!(client.get("/large").await.body.len(), 8 << 20);
    assert_eq!(client.get("/empty").await.status, 204);

    client.send("HEAD /any HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.answer_to_head().await.unwrap();
    assert!(
        head.header("content-length")
            .is_some_and(|length| length != "0"),
        "{head:?}"
    );

    client
        .send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n").await;
    assert!(
        client
            .answer()
            .await
            .unwrap()
            .text()
            .ends_with("hello world")
    );

    let length = 16 << 20;
    client
        .send(&format!(
            "PUT /length HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    client.stream.write_all(&vec![b'x'; length]).await.unwrap();
    assert_eq!(client.answer().await.unwrap().text(), length.to_string());

    client
        .send(
            "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 100 "));
    client.send("ab").await;
    assert_eq!(client.answer().await.unwrap().text(), "2");

    let status = rig.status().await;
    let endpoint = &status.services[0].endpoints[0];
    assert_eq!(
        (endpoint.requests, endpoint.errors, endpoint.in_flight),
        (7, 0, 0)
    );
    assert!(
        endpoint.bytes_in > 16 << 20 && endpoint.bytes_out > 8 << 20,
        "{endpoint:?}"
    );
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_body_that_ends_with_the_connection() {
    let (_web, _rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    client.send("GET /chunked HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "abcdefg"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(client.is_ended().await);
}

#[tokio::test]
async fn a_switch_of_protocol_becomes_a_tunnel() {
    let (_web, mut rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    client
        .send("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (101, Some("echo"))
    );
    for text in ["one", "two"] {
        client.send(text).await;
        assert_eq!(client.take(3).await.unwrap(), text.as_bytes());
    }
    // A tunnel is in flight: the replica is not drained before it ends.
    rig.publish("web", vec![]).await;
    assert_eq!(rig.status().await.services[0].endpoints[0].in_flight, 1);
    drop(client);
    rig.await_drained("web", 1).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let (_web, rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    client.send("GET /break HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.answer().await.is_none());
    let status = rig.status().await;
    assert_eq!(
        status.services[0].refused[&ondol_proxy::Refusal::UpstreamBroke],
        1
    );
    assert_eq!(status.services[0].endpoints[0].errors, 1);
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_not_sent_twice() {
    let (web, _rig, at) = shop().await;
    let mut client = Client::connect(at).await;
    client
        .send("POST /close HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-ondol-reason")),
        (502, Some("upstream_closed"))
    );
    assert_eq!(web.requests.load(Ordering::Relaxed), 1);
    // A request without an effect is, but only once: it may be what kills the service.
    assert_eq!(client.get("/close").await.status, 502);
    assert_eq!(web.requests.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_left_for_another() {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    let endpoints = vec![
        endpoint("web", 1, free_address()),
        endpoint("web", 2, web.address),
    ];
    rig.publish("web", endpoints.clone()).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let mut client = Client::connect(at).await;
    for _ in 0..40 {
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
            .await;
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    rig.publish("web", endpoints[..1].to_vec()).await;
    let answer = client.get("/").await;
    assert_eq!(
        (answer.status, answer.header("x-ondol-reason")),
        (502, Some("connect_failed"))
    );
}

#[tokio::test]
async fn a_service_that_crashed_a_moment_ago_is_waited_for() {
    let address = free_address();
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let request = tokio::spawn(async move { get(at, "/").await });
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let _web = Service::at(address, "web", std::time::Duration::ZERO).await;
    assert_eq!(request.await.unwrap().status, 200);
}
