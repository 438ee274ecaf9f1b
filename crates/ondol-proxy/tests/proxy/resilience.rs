//! What a client gets when a service is slow, failing or overrun.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::{
    Balance, BalanceBy, Breaker, Concurrency, Eject, Fallback, Resilience, Retry, StaticAnswer,
    Timeouts, Traffic, TrafficPolicy, Trip,
};
use ondol_proxy::LinkEvent;
use tokio::time::Instant;

use crate::client::{Answer, Client, get};
use crate::rig::{Rig, callable, endpoint, published, service, serving, shop};
use crate::service::Service;

/// A proxy in front of one service that is treated so.
async fn front(traffic: Traffic, services: &[&Service]) -> (Rig, std::net::SocketAddr) {
    let mut rig = Rig::start().await;
    let endpoints = services.iter().zip(1..);
    let endpoints = endpoints.map(|(service, number)| endpoint("web", number, service.address));
    rig.publish("web", endpoints.collect()).await;
    rig.traffic = vec![TrafficPolicy {
        service: service("web"),
        traffic,
    }];
    let at = rig.listen(published("web")).await;
    (rig, at)
}

fn resilience(resilience: Resilience) -> Traffic {
    Traffic {
        resilience,
        ..Traffic::default()
    }
}

fn breaker(failures: u32) -> Breaker {
    Breaker {
        trip: Trip::Count(failures),
        window: Duration::from_secs(10),
        minimum: 1,
        pause: Duration::from_secs(1),
        probes: 1,
    }
}

fn said(body: &str) -> Fallback {
    Fallback::Static(StaticAnswer {
        status: 200,
        headers: [("x-spare".to_owned(), "yes".to_owned())].into(),
        body: body.to_owned(),
    })
}

fn reason(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.header("x-ondol-reason"))
}

#[tokio::test]
async fn each_part_of_a_request_has_its_time() {
    let web = Service::start("web").await;
    let millis = |millis| Some(Duration::from_millis(millis));
    let timeouts = Timeouts {
        response: millis(200),
        idle: millis(300),
        request: millis(1000),
        ..Timeouts::default()
    };
    let retry = Retry {
        attempts: 1,
        ..Retry::default()
    };
    let rules = Resilience {
        timeouts,
        retry,
        ..Resilience::default()
    };
    let (rig, at) = front(resilience(rules), &[&web]).await;
    let began = Instant::now();
    assert_eq!(
        reason(&get(at, "/silent").await),
        (504, Some("response_timeout"))
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut client = Client::connect(at).await;
    client.send("GET /stall HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.answer().await.is_none(), "the rest never came");
    let left = get(at, "/x").await;
    let left = left
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("x-ondol-timeout-ms: "));
    assert!(
        left.is_some_and(|left| (1..=1000).contains(&left.parse::<u64>().unwrap())),
        "{left:?}"
    );
    let refused = &rig.status().await.services[0].refused;
    assert_eq!(refused.values().sum::<u64>(), 2, "{refused:?}");
}

#[tokio::test]
async fn a_deadline_of_a_caller_holds_and_one_of_a_stranger_does_not() {
    let (_web, mut rig) = serving("web").await;
    let inside = rig.listen(callable("web", &["web"])).await;
    let outside = rig.listen(published("web")).await;
    let told = "GET /x HTTP/1.1\r\nHost: a\r\nx-ondol-timeout-ms: 5000\r\n\r\n";
    for (at, passed) in [(inside, true), (outside, false)] {
        let mut client = Client::connect(at).await;
        client.send(told).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(
            answer.text().contains("x-ondol-timeout-ms"),
            passed,
            "{answer:?}"
        );
    }
    let mut client = Client::connect(inside).await;
    client
        .send("GET /silent HTTP/1.1\r\nHost: a\r\nx-ondol-timeout-ms: 100\r\n\r\n")
        .await;
    assert_eq!(
        reason(&client.answer().await.unwrap()),
        (504, Some("request_timeout"))
    );
}

#[tokio::test]
async fn a_circuit_opens_falls_back_and_closes_again_and_the_node_hears_of_it() {
    let web = Service::start("web").await;
    let rules = Resilience {
        breaker: Some(breaker(3)),
        fallback: vec![said("spare")],
        ..Resilience::default()
    };
    let (mut rig, at) = front(resilience(rules), &[&web]).await;
    for _ in 0..3 {
        assert_eq!(reason(&get(at, "/status/500").await), (500, None));
    }
    let asked = web.requests.load(Ordering::Relaxed);
    let answer = get(at, "/").await;
    assert_eq!(reason(&answer), (200, Some("circuit_open")));
    assert_eq!(
        (answer.text(), answer.header("x-spare")),
        ("spare", Some("yes"))
    );
    assert_eq!(answer.header("x-ondol-fallback"), Some("static"));
    assert_eq!(
        web.requests.load(Ordering::Relaxed),
        asked,
        "it is left alone"
    );
    let opened = loop {
        if let LinkEvent::Circuits(circuits) = rig.event().await
            && !circuits.is_empty()
        {
            break circuits;
        }
    };
    assert_eq!(opened[0].reason, "3 of 3 requests failed within 10 s");
    assert_eq!(rig.status().await.circuits, opened);

    // It survives a snapshot that says the same.
    rig.renew().await;
    assert_eq!(reason(&get(at, "/").await), (200, Some("circuit_open")));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(reason(&get(at, "/").await), (200, None));
    assert_eq!(rig.status().await.circuits, []);
}

#[tokio::test]
async fn another_service_stands_in_where_the_request_may_be_repeated() {
    let (web, spare) = (Service::start("web").await, Service::start("spare").await);
    let rules = Resilience {
        fallback: vec![
            Fallback::Service {
                service: "spare".parse().unwrap(),
                port: Some(80),
            },
            said("nobody"),
        ],
        fallback_on: [503].into(),
        ..Resilience::default()
    };
    let (mut rig, at) = front(resilience(rules), &[&web]).await;
    rig.publish("spare", vec![endpoint("spare", 1, spare.address)])
        .await;
    let answer = get(at, "/status/503").await;
    assert_eq!(answer.status, 503, "that is the answer of the other one");
    assert_eq!(answer.header("x-ondol-fallback"), Some("spare"));
    let answer = get(at, "/close").await;
    assert_eq!(answer.header("x-ondol-reason"), Some("upstream_closed"));
    let mut client = Client::connect(at).await;
    client
        .send("POST /status/503 HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(reason(&client.answer().await.unwrap()), (503, None));
}

#[tokio::test]
async fn a_status_is_asked_again_elsewhere_when_the_file_says_so() {
    let (bad, good) = (Service::start("bad").await, Service::start("good").await);
    let retry = Retry {
        statuses: [503].into(),
        attempts: 3,
        ..Retry::default()
    };
    let rules = Resilience {
        retry,
        ..Resilience::default()
    };
    let (_rig, at) = front(resilience(rules), &[&bad, &good]).await;
    assert_eq!(get(at, "/status/503").await.status, 503);
    let asked = (
        bad.requests.load(Ordering::Relaxed),
        good.requests.load(Ordering::Relaxed),
    );
    assert!(
        asked.0 > 0 && asked.1 > 0 && asked.0 + asked.1 == 3,
        "{asked:?}"
    );
}

#[tokio::test]
async fn retries_end_with_their_budget() {
    let web = Service::start("web").await;
    let rules = Resilience::default();
    let (_rig, at) = front(resilience(rules), &[&web]).await;
    for _ in 0..40 {
        assert_eq!(get(at, "/close").await.status, 502);
    }
    let asked = web.requests.load(Ordering::Relaxed);
    assert!(
        (40 + 10..=40 + 22).contains(&asked),
        "{asked}: two workers, ten each"
    );
}

#[tokio::test]
async fn so_many_at_once_and_the_rest_is_refused() {
    let web = Service::with_delay("web", Duration::from_millis(600)).await;
    let rules = Resilience {
        concurrency: Some(Concurrency {
            max: 2,
            queue: 1,
            wait: Duration::from_secs(5),
        }),
        ..Resilience::default()
    };
    let (_rig, at) = front(resilience(rules), &[&web]).await;
    let asked = (0..5).map(|_| tokio::spawn(async move { get(at, "/").await }));
    let asked: Vec<_> = asked.collect();
    let mut statuses = Vec::new();
    for answer in asked {
        let answer = answer.await.unwrap();
        statuses.push((
            answer.status,
            answer.header("x-ondol-reason").map(str::to_owned),
        ));
    }
    statuses.sort();
    let full = (503, Some("concurrency_full".to_owned()));
    let served = (200, None);
    assert_eq!(
        statuses,
        [served.clone(), served.clone(), served, full.clone(), full]
    );
}

#[tokio::test]
async fn one_that_keeps_failing_is_left_out_but_not_all() {
    let (bad, good) = (Service::start("bad").await, Service::start("good").await);
    let balance = Balance {
        by: BalanceBy::RoundRobin,
        eject: Eject {
            failures: 2,
            ..Eject::default()
        },
        ..Balance::default()
    };
    let traffic = Traffic {
        balance,
        ..Traffic::default()
    };
    let (rig, at) = front(traffic, &[&bad, &good]).await;
    // Over one connection: each worker finds out for itself.
    let mut client = Client::connect(at).await;
    for _ in 0..8 {
        assert_eq!(client.get("/status/503").await.status, 503);
    }
    let out: Vec<_> = rig.status().await.services[0]
        .endpoints
        .iter()
        .map(|one| one.ejected)
        .collect();
    assert_eq!(out.iter().filter(|out| **out).count(), 1, "{out:?}");
}

#[tokio::test]
async fn the_same_key_goes_to_the_same_endpoint() {
    let services = [
        Service::start("a").await,
        Service::start("b").await,
        Service::start("c").await,
    ];
    let balance = Balance {
        by: BalanceBy::Cookie("session".to_owned()),
        ..Balance::default()
    };
    let traffic = Traffic {
        balance,
        ..Traffic::default()
    };
    let (_rig, at) = front(traffic, &services.each_ref()).await;
    let mut seen = std::collections::BTreeSet::new();
    for session in 0..20 {
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let mut client = Client::connect(at).await;
            client
                .send(&format!(
                    "GET / HTTP/1.1\r\nHost: a\r\ncookie: session={session}\r\n\r\n"
                ))
                .await;
            let answer = client.answer().await.unwrap();
            names.insert(answer.text()[..1].to_owned());
        }
        assert_eq!(names.len(), 1, "session {session}: {names:?}");
        seen.extend(names);
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_understood_is_refused_and_the_one_before_stays() {
    let (_web, mut rig, at) = shop().await;
    let mut snapshot = rig.snapshot();
    snapshot.version += 100;
    if let ondol_model::Purpose::Edge { routes } = &mut snapshot.listeners[0].purpose {
        routes[0].0.path = "/v[".to_owned();
        routes[0].0.path_kind = ondol_model::PathKind::Regex;
    }
    rig.link.send_snapshot(snapshot, Default::default());
    let why = loop {
        if let LinkEvent::Refused { reason, .. } = rig.event().await {
            break reason;
        }
    };
    assert!(why.contains("`/v[` is not a regular expression"), "{why}");
    assert!(get(at, "/x").await.text().starts_with("web GET /x"));
}
