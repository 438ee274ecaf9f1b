//! What stands before a service's own addresses: calls of other services, published ports, connections that are not
//! HTTP; and zones of replicas.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::{
    Balance, Breaker, CacheRule, Concurrency, CrossZone, Dial, Guard, LimitBy, Purpose, RateLimit,
    Resilience, Traffic, TrafficPolicy, Transport, Trip,
};
use ondol_proxy::Refusal;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::client::{Answer, Client, get};
use crate::rig::{Rig, callable, endpoint, free_address, published, service, serving};
use crate::service::{Service, echo};

fn policy(name: &str, traffic: Traffic) -> TrafficPolicy {
    TrafficPolicy {
        service: service(name),
        traffic,
    }
}

fn once_an_hour(by: LimitBy) -> Guard {
    Guard {
        limits: vec![RateLimit {
            requests: 1,
            period: Duration::from_secs(3600),
            burst: 1,
            by,
        }],
        ..Guard::default()
    }
}

/// What a replica with this address hears.
async fn call(from: [u8; 4], at: SocketAddr, path: &str) -> Answer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
    let mut client = Client::connect(at).await;
    client.stream = socket.connect(at).await.unwrap();
    client
        .send(&format!("GET {path} HTTP/1.1\r\nHost: web\r\n\r\n"))
        .await;
    client.answer().await.expect("an answer")
}

/// Replicas of `front` at 127.77.1.1 and so on, which call and are not called.
async fn callers(rig: &mut Rig, count: u8) {
    let replica = |number: u8| {
        let mut replica = endpoint("front", number.into(), free_address());
        replica.ip = IpAddr::from([127, 77, 1, number]);
        replica
    };
    rig.publish("front", (1..=count).map(replica).collect())
        .await;
}

#[tokio::test]
async fn calls_of_services_are_limited_and_kept_as_the_file_says() {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    callers(&mut rig, 2).await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let calls = Guard {
        cache: Some(CacheRule {
            ttl: Some(Duration::from_secs(60)),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            query: None,
            body_bytes_max: ondol_model::Bytes(1 << 20),
        }),
        ..once_an_hour(LimitBy::Ip)
    };
    let traffic = Traffic {
        calls,
        ..Traffic::default()
    };
    rig.traffic = vec![policy("web", traffic)];
    let inside = rig.listen(callable("web", &["front"])).await;
    let outside = rig.listen(published("web")).await;
    assert_eq!(call([127, 77, 1, 1], inside, "/films").await.status, 200);
    let second = call([127, 77, 1, 1], inside, "/films").await;
    assert_eq!(
        (second.status, second.header("x-ondol-reason")),
        (429, Some("too_many_requests"))
    );
    let other = call([127, 77, 1, 2], inside, "/films").await;
    assert_eq!(other.header("cache-status"), Some("ondol; hit"));
    assert_eq!(web.requests.load(Ordering::Relaxed), 1);
    // Nothing of it is for the published port.
    for _ in 0..3 {
        let answer = get(outside, "/films").await;
        assert_eq!((answer.status, answer.header("cache-status")), (200, None));
    }
}

#[tokio::test]
async fn a_published_port_refuses_bytes_by_address_and_rate_and_requests_with_an_answer() {
    let mut rig = Rig::start().await;
    rig.publish("db", vec![endpoint("db", 1, echo(None).await)])
        .await;
    let told = |guard: Guard| Traffic {
        published: guard,
        ..Traffic::default()
    };
    rig.traffic = vec![policy("db", told(once_an_hour(LimitBy::All)))];
    let at = rig.listen(published("db")).await;
    let mut client = Client::connect(at).await;
    client.send("\x01ping").await;
    assert_eq!(client.take(5).await.unwrap(), b"\x01ping");
    let mut second = Client::connect(at).await;
    second.send("\x01ping").await;
    assert!(second.is_ended().await);

    let deny = Guard {
        deny: vec!["127.0.0.0/8".parse().unwrap()],
        ..Guard::default()
    };
    rig.traffic = vec![policy("db", told(deny))];
    rig.renew().await;
    let mut third = Client::connect(at).await;
    third.send("\x01ping").await;
    assert!(third.is_ended().await);
    assert_eq!(get(at, "/").await.status, 403);
    let refused = &rig.status().await.listeners[0].refused;
    assert_eq!(
        (
            refused[&Refusal::TooManyRequests],
            refused[&Refusal::AddressNotAllowed]
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn connections_that_are_not_http_are_under_the_breaker_and_the_bulkhead_too() {
    let mut rig = Rig::start().await;
    rig.publish("db", vec![endpoint("db", 1, echo(None).await)])
        .await;
    let resilience = Resilience {
        concurrency: Some(Concurrency {
            max: 1,
            queue: 0,
            wait: Duration::ZERO,
        }),
        breaker: Some(Breaker {
            trip: Trip::Count(2),
            window: Duration::from_secs(10),
            minimum: 1,
            pause: Duration::from_secs(60),
            probes: 1,
        }),
        ..Resilience::default()
    };
    let traffic = Traffic {
        resilience,
        ..Traffic::default()
    };
    rig.traffic = vec![policy("db", traffic)];
    let at = rig
        .listen(Purpose::Published {
            service: service("db"),
            port: 80,
            app_protocol: Some("tcp".to_owned()),
        })
        .await;
    let mut first = Client::connect(at).await;
    first.send("ping").await;
    assert_eq!(first.take(4).await.unwrap(), b"ping");
    assert!(Client::connect(at).await.is_ended().await, "it is full");
    drop(first);
    sleep(Duration::from_millis(100)).await;

    let gone = endpoint("db", 2, free_address());
    rig.publish("db", vec![gone]).await;
    for _ in 0..3 {
        assert!(Client::connect(at).await.is_ended().await);
    }
    let status = rig.status().await;
    let refused = &status.services[0].refused;
    let count = |refusal| refused.get(&refusal).copied().unwrap_or_default();
    assert_eq!(count(Refusal::ConcurrencyFull), 1, "{refused:?}");
    assert_eq!(count(Refusal::ConnectFailed), 2, "{refused:?}");
    assert_eq!(count(Refusal::CircuitOpen), 1, "{refused:?}");
    assert_eq!(status.circuits.len(), 1);
}

#[tokio::test]
async fn one_address_does_not_take_the_places_of_all_udp_clients() {
    let upstream = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::start().await;
    let address = upstream.local_addr().unwrap();
    rig.publish("dns", vec![endpoint("dns", 1, address)]).await;
    let any = "127.0.0.1:0".parse().unwrap();
    let at = rig.listen_at(any, Transport::Udp, published("dns")).await;
    // Held, so that no port is given twice.
    let mut clients = Vec::new();
    let mut ask = async |from: [u8; 4]| {
        let client = UdpSocket::bind((Ipv4Addr::from(from), 0)).await.unwrap();
        client.send_to(b"x", at).await.unwrap();
        clients.push(client);
        let mut buffer = [0; 8];
        timeout(Duration::from_millis(300), upstream.recv_from(&mut buffer))
            .await
            .is_ok()
    };
    let mut served = 0;
    while ask([127, 0, 0, 1]).await {
        served += 1;
        assert!(served < 1_000, "no end");
    }
    assert_eq!(served, 512);
    assert!(ask([127, 0, 0, 2]).await, "others are served");
    let refused = &rig.status().await.listeners[0].refused;
    assert_eq!(refused[&Refusal::TooManySessions], 1);
}

#[tokio::test]
async fn headers_with_an_underscore_reach_only_services_that_want_them() {
    let (_web, mut rig) = serving("web").await;
    let outside = rig.listen(published("web")).await;
    let inside = rig.listen(callable("web", &["web"])).await;
    let heard = async |at| {
        let mut client = Client::connect(at).await;
        // The first request of the connection has none.
        client.get("/").await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 6.6.6.6\r\nX-Good: yes\r\n\r\n")
            .await;
        let answer = client.answer().await.unwrap();
        let text = answer.text().to_ascii_lowercase();
        assert!(text.contains("x-good: yes"), "{text}");
        text.contains("x_forwarded_for: 6.6.6.6")
    };
    assert!(!heard(outside).await);
    assert!(heard(inside).await, "services are believed");
    let curl = [
        "-s",
        "--http2-prior-knowledge",
        "-H",
        "x_user: root",
        &format!("http://{outside}/"),
    ];
    let answer = crate::http2::output("curl", &curl).await;
    assert!(!answer.contains("x_user"), "{answer}");
    let dial = Dial {
        underscores: true,
        ..Dial::default()
    };
    let traffic = Traffic {
        dial,
        ..Traffic::default()
    };
    rig.traffic = vec![policy("web", traffic)];
    rig.renew().await;
    assert!(heard(outside).await);
}

#[tokio::test]
async fn calls_stay_in_their_zone_as_far_as_the_file_says() {
    let (here, there) = (Service::start("a").await, Service::start("b").await);
    let mut rig = Rig::start().await;
    callers(&mut rig, 2).await;
    let both = vec![
        endpoint("web", 1, here.address),
        endpoint("web", 2, there.address),
    ];
    rig.publish("web", both.clone()).await;
    let zones = ["a", "b"].map(String::from);
    let balance = |cross_zone| Balance {
        zones: zones.clone().into(),
        cross_zone,
        ..Balance::default()
    };
    let traffic = |cross_zone| Traffic {
        balance: balance(cross_zone),
        ..Traffic::default()
    };
    rig.traffic = vec![
        policy("web", traffic(CrossZone::Needed)),
        policy("front", traffic(CrossZone::Always)),
    ];
    let at = rig.listen(callable("web", &["front"])).await;
    for (caller, zone) in [(1, "a GET"), (2, "b GET")] {
        for _ in 0..10 {
            let answer = call([127, 77, 1, caller], at, "/").await;
            assert!(answer.text().starts_with(zone), "{answer:?}");
        }
    }
    let outside = rig.listen(published("web")).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        seen.insert(get(outside, "/").await.text()[..1].to_owned());
    }
    assert_eq!(seen.len(), 2, "who is in no zone gets any");

    rig.publish("web", both[1..].to_vec()).await;
    let crossed = call([127, 77, 1, 1], at, "/").await;
    assert!(crossed.text().starts_with("b GET"));
    rig.traffic[0] = policy("web", traffic(CrossZone::Never));
    rig.renew().await;
    let refused = call([127, 77, 1, 1], at, "/").await;
    assert_eq!(refused.header("x-ondol-reason"), Some("no_endpoint"));
    assert_eq!(call([127, 77, 1, 2], at, "/").await.status, 200);
}

#[tokio::test]
async fn replicas_get_their_part_of_the_requests() {
    let (large, small) = (Service::start("large").await, Service::start("small").await);
    let mut rig = Rig::start().await;
    let endpoints = vec![
        endpoint("web", 1, large.address),
        endpoint("web", 2, small.address),
    ];
    rig.publish("web", endpoints).await;
    let balance = Balance {
        weights: vec![4, 1],
        by: ondol_model::BalanceBy::RoundRobin,
        ..Balance::default()
    };
    let traffic = Traffic {
        balance,
        ..Traffic::default()
    };
    rig.traffic = vec![policy("web", traffic)];
    let at = rig.listen(published("web")).await;
    let mut client = Client::connect(at).await;
    for _ in 0..100 {
        client.get("/").await;
    }
    let count = small.requests.load(Ordering::Relaxed);
    assert!((18..=22).contains(&count), "{count}");
}
