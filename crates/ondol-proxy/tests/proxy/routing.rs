//! What routes do with requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::{
    Cors, HeaderEdits, Mirror, Purpose, Redirect, Route, RouteAnswer, Share, Treatment,
};

use crate::client::{Client, get};
use crate::rig::{Rig, endpoint, service};
use crate::service::Service;

fn edge(treatment: Treatment) -> Purpose {
    let route = Route {
        path: "/".to_owned(),
        port: Some(80),
        treatment,
        ..Route::default()
    };
    Purpose::Edge {
        routes: vec![(route, service("web"))],
    }
}

async fn world(treatment: Treatment) -> (Rig, Service, Service, std::net::SocketAddr) {
    let (web, next) = (Service::start("web").await, Service::start("next").await);
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    rig.publish("next", vec![endpoint("next", 1, next.address)])
        .await;
    let at = rig.listen(edge(treatment)).await;
    (rig, web, next, at)
}

fn share(name: &str, weight: u32) -> Share {
    Share {
        service: name.parse().unwrap(),
        port: Some(80),
        weight,
    }
}

#[tokio::test]
async fn weights_share_the_requests() {
    let treatment = Treatment {
        split: vec![share("web", 3), share("next", 1)],
        ..Treatment::default()
    };
    let (_rig, web, next, at) = world(treatment).await;
    let mut client = Client::connect(at).await;
    for _ in 0..200 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let next = next.requests.load(Ordering::Relaxed);
    assert!(
        (20..=85).contains(&next),
        "{next} of 200 is not about a quarter"
    );
    assert_eq!(web.requests.load(Ordering::Relaxed) + next, 200);
}

#[tokio::test]
async fn a_mirror_gets_everything_and_delays_nothing() {
    let treatment = Treatment {
        mirror: Some(Mirror {
            service: "next".parse().unwrap(),
            port: Some(80),
            percent: 100,
        }),
        ..Treatment::default()
    };
    let (mut rig, web, next, at) = world(treatment).await;
    let mut client = Client::connect(at).await;
    client
        .send("POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\nhello")
        .await;
    let answer = client.answer().await.unwrap();
    assert!(answer.text().starts_with("web POST /x") && answer.text().ends_with("hello"));
    assert!(client.get("/silent/not").await.status == 200);
    let both = || next.requests.load(Ordering::Relaxed) == 2;
    for _ in 0..100 {
        if both() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(both() && web.requests.load(Ordering::Relaxed) == 2);
    // A copy that nobody takes is nobody's trouble.
    rig.publish("next", Vec::new()).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn headers_are_edited_and_the_body_is_bounded() {
    let edits = |name: &str| HeaderEdits {
        set: [(name.to_owned(), "yes".to_owned())].into(),
        remove: vec!["x-from".to_owned(), "x-secret".to_owned()],
        ..HeaderEdits::default()
    };
    let treatment = Treatment {
        request_headers: edits("x-to"),
        response_headers: edits("x-back"),
        body_bytes_max: Some(8),
        ..Treatment::default()
    };
    let (_rig, web, _next, at) = world(treatment).await;
    let mut client = Client::connect(at).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nx-secret: 1\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert!(answer.text().contains("x-to: yes") && !answer.text().contains("x-secret"));
    assert_eq!(
        (answer.header("x-back"), answer.header("x-from")),
        (Some("yes"), None)
    );

    client
        .send("POST /length HTTP/1.1\r\nHost: a\r\ncontent-length: 8\r\n\r\n12345678")
        .await;
    assert_eq!(client.answer().await.unwrap().text(), "8");
    let asked = web.requests.load(Ordering::Relaxed);
    for body in [
        "content-length: 9\r\n\r\n123456789",
        "transfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
    ] {
        let mut client = Client::connect(at).await;
        client
            .send(&format!("POST /length HTTP/1.1\r\nHost: a\r\n{body}"))
            .await;
        let answer = client.answer().await.unwrap();
        assert_eq!(
            (answer.status, answer.header("x-ondol-reason")),
            (413, Some("body_too_large"))
        );
    }
    assert_eq!(web.requests.load(Ordering::Relaxed), asked);
}

#[tokio::test]
async fn browsers_are_answered_and_redirects_lead_on() {
    let cors = Cors {
        origins: vec!["https://page.example".to_owned()],
        methods: vec!["PUT".to_owned()],
        headers: Vec::new(),
        expose: Vec::new(),
        credentials: true,
        max_age: Duration::from_secs(60),
    };
    let treatment = Treatment {
        cors: Some(cors),
        ..Treatment::default()
    };
    let (mut rig, web, _next, at) = world(treatment).await;
    let mut client = Client::connect(at).await;
    client
        .send("OPTIONS /x HTTP/1.1\r\nHost: a\r\norigin: https://page.example\r\naccess-control-request-method: PUT\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-ondol-reason")),
        (204, Some("preflight"))
    );
    assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
    assert_eq!(
        answer.head.matches("access-control-allow-origin").count(),
        1
    );
    assert_eq!(web.requests.load(Ordering::Relaxed), 0);
    client
        .send("GET /x HTTP/1.1\r\nHost: a\r\norigin: https://page.example\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://page.example")
    );

    let redirect = RouteAnswer::Redirect(Redirect {
        to: "https://{host}{path}".to_owned(),
        status: 301,
    });
    let treatment = Treatment {
        answer: Some(redirect),
        ..Treatment::default()
    };
    rig.retarget(at, edge(treatment)).await;
    let answer = get(at, "/a?b=c").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, Some("https://shop.example/a?b=c"))
    );
}
