use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ondol_model::{Purpose, Transport};
use ondol_proxy::Refusal;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::client::{Client, get};
use crate::rig::{Rig, callable, endpoint, published, service, serving};
use crate::service::{Service, echo, greeter};

#[tokio::test]
async fn the_first_bytes_decide_between_requests_and_bytes() {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    let at = rig.listen(published("web")).await;

    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let answer = get(at, "/x").await;
    assert!(
        answer.text().contains("x-forwarded-for: 127.0.0.1"),
        "{answer:?}"
    );

    rig.publish("web", vec![endpoint("web", 2, echo(None).await)])
        .await;
    for bytes in [
        "*1\r\n$4\r\nPING\r\n",
        "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01",
        "A",
    ] {
        let mut client = Client::connect(at).await;
        client.send(bytes).await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(client.take(bytes.len()).await.unwrap(), bytes.as_bytes());
        assert!(client.is_ended().await);
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard() {
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, greeter().await)])
        .await;
    let at = rig.listen(published("web")).await;
    let mut client = Client::connect(at).await;
    assert_eq!(client.take(22).await.unwrap(), b"hello from the server\n");
    client.send("GET / is not http here").await;
    assert_eq!(client.take(22).await.unwrap(), b"GET / is not http here");
}

#[tokio::test]
async fn a_client_that_is_slow_to_ask_is_still_a_client_of_http() {
    let (_web, mut rig) = serving("web").await;
    let at = rig.listen(published("web")).await;
    let mut client = Client::connect(at).await;
    sleep(Duration::from_millis(200)).await;
    let answer = client.get("/slow").await;
    assert!(answer.text().contains("x-forwarded-for"), "{answer:?}");
    assert!(
        client
            .get("/again")
            .await
            .text()
            .starts_with("web GET /again")
    );

    // One that has not spoken yet does not hold up a replica's stop.
    let mut silent = Client::connect(at).await;
    sleep(Duration::from_millis(200)).await;
    let other = Service::start("other").await;
    rig.publish("web", vec![endpoint("web", 2, other.address)])
        .await;
    timeout(Duration::from_secs(2), rig.await_drained("web", 1))
        .await
        .unwrap();
    assert!(silent.get("/").await.text().starts_with("other GET /"));
}

#[tokio::test]
async fn what_the_file_says_needs_no_bytes() {
    let (_web, mut rig) = serving("web").await;
    let app_protocol = Some("tcp".to_owned());
    let at = rig
        .listen(Purpose::Published {
            service: service("web"),
            port: 80,
            app_protocol,
        })
        .await;
    assert!(!get(at, "/").await.text().contains("x-forwarded-for"));
}

#[tokio::test]
async fn only_services_that_may_call_are_served_at_a_virtual_address() {
    let (web, mut rig) = serving("web").await;
    // Two replicas of other services, one of them not ready: what they call comes from their addresses.
    for (name, last) in [("friend", 2), ("stranger", 3)] {
        let mut caller = endpoint(name, 1, web.address);
        caller.ip = IpAddr::from([127, 77, 0, last]);
        caller.ready = false;
        rig.publish(name, vec![caller]).await;
    }
    let at = rig.listen(callable("web", &["friend"])).await;
    let mut answers = BTreeMap::new();
    for (name, last) in [("friend", 2), ("stranger", 3)] {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind((Ipv4Addr::new(127, 77, 0, last), 0).into())
            .unwrap();
        let mut client = Client::connect(at).await;
        client.stream = socket.connect(at).await.unwrap();
        client.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n").await;
        answers.insert(name, client.answer().await);
    }
    let friend = answers["friend"].as_ref().unwrap();
    assert!(
        friend.text().contains("host: web") && !friend.text().contains("x-forwarded"),
        "{friend:?}"
    );
    assert!(answers["stranger"].is_none());
    assert_eq!(
        rig.status().await.listeners[0].refused[&Refusal::CallerNotAllowed],
        1
    );
}

#[tokio::test]
async fn a_call_that_comes_too_early_waits_for_the_service() {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    let at = rig.listen(callable("web", &[])).await;
    let request = tokio::spawn(async move { get(at, "/early").await });
    let mut bytes = Client::connect(at).await;
    bytes.send("\x01\x02\x03").await;
    sleep(Duration::from_millis(300)).await;
    assert!(!request.is_finished());
    assert_eq!(rig.status().await.services[0].waiting, 2);
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    assert_eq!(request.await.unwrap().status, 200);
}

#[tokio::test]
async fn datagrams_find_their_way_back() {
    let upstream = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::start().await;
    rig.publish(
        "dns",
        vec![endpoint("dns", 1, upstream.local_addr().unwrap())],
    )
    .await;
    let at = rig
        .listen_at(
            "127.0.0.1:0".parse().unwrap(),
            Transport::Udp,
            published("dns"),
        )
        .await;
    tokio::spawn(async move {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = upstream.recv_from(&mut buffer).await {
            buffer[..length].reverse();
            upstream.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    for text in ["abc", "xyz"] {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..2 {
            client.send_to(text.as_bytes(), at).await.unwrap();
            let mut buffer = [0; 64];
            let received = timeout(Duration::from_secs(5), client.recv_from(&mut buffer)).await;
            let (length, from) = received.unwrap().unwrap();
            let expected: String = text.chars().rev().collect();
            assert_eq!((&buffer[..length], from), (expected.as_bytes(), at));
        }
    }
}

#[tokio::test]
async fn a_tunnel_carries_much_in_both_directions_at_once_and_ends_half_by_half() {
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, echo(None).await)])
        .await;
    let at = rig.listen(published("web")).await;
    let client = Client::connect(at).await;
    let (mut from, mut to) = client.stream.into_split();
    let length = 8 << 20;
    let write = async {
        to.write_all(&vec![b'.'; length]).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut echoed = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut from, &mut echoed);
    let ((), read) = tokio::join!(write, read);
    assert_eq!(read.unwrap(), length);
    let status = rig.status().await;
    let endpoint = &status.services[0].endpoints[0];
    assert_eq!(
        (endpoint.bytes_in, endpoint.bytes_out),
        (length as u64, length as u64)
    );
    rig.publish("web", vec![]).await;
    rig.await_drained("web", 1).await;
}
