//! What stands before a route: who may ask, how often, and what is kept of the answers.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ondol_model::{
    ApiKeyAuth, Auth, BasicAuth, Bytes, CacheRule, Fallback, ForwardAuth, Guard, LimitBy,
    RateLimit, Resilience, ServiceName, ServicePage, StaticAnswer, Traffic, TrafficPolicy,
};
use ondol_proxy::Purge;

use crate::client::{Answer, Client, get};
use crate::rig::{Rig, endpoint, guarded, service};
use crate::service::Service;

struct Stage {
    rig: Rig,
    web: Service,
    at: SocketAddr,
}

async fn stage(guard: Guard) -> Stage {
    stage_with(guard, &[]).await
}

async fn stage_with(guard: Guard, files: &[(&str, &str)]) -> Stage {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    rig.files = files
        .iter()
        .map(|(path, text)| (path.into(), (*text).to_owned()))
        .collect();
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(guarded(guard, "web")).await;
    Stage { rig, web, at }
}

async fn ask(at: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut client = Client::connect(at).await;
    client
        .send(&format!(
            "GET {path} HTTP/1.1\r\nHost: shop.example\r\n{headers}\r\n"
        ))
        .await;
    client.answer().await.expect("an answer")
}

fn reason(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.header("x-ondol-reason"))
}

#[tokio::test]
async fn addresses_that_may_not_ask_are_refused() {
    let guard = Guard {
        deny: vec!["127.0.0.0/8".parse().unwrap()],
        ..Guard::default()
    };
    let stage = stage(guard).await;
    assert_eq!(
        reason(&get(stage.at, "/").await),
        (403, Some("address_not_allowed"))
    );
    assert_eq!(stage.web.requests.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn beyond_the_limit_a_client_is_told_when_to_come_again_whichever_worker_it_meets() {
    let limit = |by| RateLimit {
        requests: 3,
        period: Duration::from_secs(3600),
        burst: 3,
        by,
    };
    let guard = Guard {
        limits: vec![limit(LimitBy::Header("X-Team".to_owned()))],
        ..Guard::default()
    };
    let stage = stage(guard).await;
    for _ in 0..3 {
        assert_eq!(ask(stage.at, "/", "X-Team: a\r\n").await.status, 200);
    }
    for _ in 0..8 {
        let refused = ask(stage.at, "/", "X-Team: a\r\n").await;
        assert_eq!(reason(&refused), (429, Some("too_many_requests")));
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1100..=1200).contains(&seconds), "{seconds}");
    }
    assert_eq!(ask(stage.at, "/", "X-Team: b\r\n").await.status, 200);
}

#[tokio::test]
async fn a_client_says_who_it_is_by_key_or_password_and_cannot_say_it_otherwise() {
    let auth = Auth {
        api_key: Some(ApiKeyAuth {
            header: "X-Api-Key".to_owned(),
            file: "/keys".into(),
        }),
        basic: Some(BasicAuth {
            file: "/users".into(),
            realm: "Films".to_owned(),
        }),
        ..Auth::default()
    };
    let guard = Guard {
        auth: Some(auth),
        ..Guard::default()
    };
    let files = [
        ("/keys", "robot:0123456789abcdef"),
        ("/users", "bob:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="),
    ];
    let stage = stage_with(guard, &files).await;

    let nobody = ask(stage.at, "/", "X-Ondol-User: root\r\n").await;
    assert_eq!(reason(&nobody), (401, Some("not_authenticated")));
    assert_eq!(
        nobody.header("www-authenticate"),
        Some("Basic realm=\"Films\", charset=\"UTF-8\"")
    );
    assert_eq!(
        ask(stage.at, "/", "X-Api-Key: 0123456789abcdeF\r\n")
            .await
            .status,
        401
    );

    let robot = ask(
        stage.at,
        "/",
        "X-Api-Key: 0123456789abcdef\r\nX-Ondol-User: root\r\n",
    )
    .await;
    assert_eq!(robot.status, 200);
    assert!(
        robot.text().contains("x-ondol-user: robot"),
        "{}",
        robot.text()
    );
    assert!(!robot.text().contains("root"));
    for _ in 0..2 {
        let bob = ask(stage.at, "/", "Authorization: Basic Ym9iOnRlc3Q=\r\n").await;
        assert!(bob.text().contains("x-ondol-user: bob"), "{bob:?}");
    }
    assert_eq!(
        ask(stage.at, "/", "Authorization: Basic Ym9iOm5v\r\n")
            .await
            .status,
        401
    );
    assert_eq!(stage.web.requests.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn another_service_may_decide_in_its_own_words() {
    let page = |path: &str| {
        let forward = ForwardAuth {
            page: ServicePage {
                service: ServiceName::new("login").unwrap(),
                port: Some(80),
                path: path.to_owned(),
            },
            headers: vec!["x-role".to_owned()],
        };
        Guard {
            auth: Some(Auth {
                forward: Some(forward),
                ..Auth::default()
            }),
            ..Guard::default()
        }
    };
    let login = Service::start("login").await;
    let mut stage = stage(page("/say/200/x-ondol-user:ada;x-role:admin")).await;
    let unreachable = get(stage.at, "/page").await;
    assert_eq!(reason(&unreachable), (503, Some("auth_unavailable")));
    stage
        .rig
        .publish("login", vec![endpoint("login", 1, login.address)])
        .await;
    let passed = ask(stage.at, "/page", "X-Role: root\r\n").await;
    assert_eq!(passed.status, 200);
    assert!(
        passed.text().contains("x-ondol-user: ada"),
        "{}",
        passed.text()
    );
    assert!(passed.text().contains("x-role: admin") && !passed.text().contains("root"));

    let to_login = stage
        .rig
        .listen(guarded(page("/say/302/location:/login"), "web"))
        .await;
    let refused = get(to_login, "/page").await;
    assert_eq!(
        (refused.status, refused.header("location")),
        (302, Some("/login"))
    );
    assert!(
        refused.text().contains("x-forwarded-uri: /page"),
        "{}",
        refused.text()
    );
}

fn cached(rule: impl FnOnce(&mut CacheRule)) -> Guard {
    let mut cache = CacheRule {
        ttl: None,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        query: None,
        body_bytes_max: Bytes(1 << 20),
    };
    rule(&mut cache);
    Guard {
        cache: Some(cache),
        ..Guard::default()
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_others_as_long_as_it_holds() {
    let stage = stage(cached(|_| {})).await;
    let path = "/say/200/cache-control:max-age=60;vary:accept-language;cache-tag:films";
    let first = ask(stage.at, path, "Accept-Language: ko\r\n").await;
    assert_eq!(
        first.header("cache-status"),
        Some("ondol; fwd=miss; stored")
    );
    let second = ask(stage.at, path, "Accept-Language: ko\r\n").await;
    assert_eq!(second.header("cache-status"), Some("ondol; hit"));
    assert_eq!(
        (second.text(), second.header("age")),
        (first.text(), Some("0"))
    );
    let part = ask(
        stage.at,
        path,
        "Accept-Language: ko\r\nRange: bytes=0-2\r\n",
    )
    .await;
    assert_eq!((part.status, part.text()), (206, "web"));
    assert_eq!(
        ask(stage.at, path, "Accept-Language: en\r\n")
            .await
            .header("cache-status"),
        Some("ondol; fwd=miss; stored")
    );
    assert_eq!(stage.web.requests.load(Ordering::Relaxed), 2);

    assert_eq!(
        stage.rig.link.purge(Purge::Tag("films".to_owned())).await,
        Some(2)
    );
    let again = ask(stage.at, path, "Accept-Language: ko\r\n").await;
    assert_eq!(
        again.header("cache-status"),
        Some("ondol; fwd=miss; stored")
    );
    let status = stage.rig.status().await.cache;
    assert_eq!((status.hits, status.misses, status.purged), (2, 3, 2));
    for private in [
        "cache-control:private",
        "cache-control:max-age=60;set-cookie:a=1",
        "x:y",
    ] {
        let path = format!("/say/200/{private}");
        for _ in 0..2 {
            assert_eq!(
                get(stage.at, &path).await.header("cache-status"),
                Some("ondol; fwd=miss"),
                "{private}"
            );
        }
    }
}

#[tokio::test]
async fn a_change_takes_what_is_kept_of_its_address_and_of_the_groups_that_the_service_names() {
    let stage = stage(cached(|_| {})).await;
    let one = "/say/200/cache-control:max-age=60;cache-groups:\"films\",\"all\"";
    let other = "/say/200/cache-control:max-age=60;cache-groups:\"people\"";
    let send = async |method: &str, path: &str| {
        let mut client = Client::connect(stage.at).await;
        let text = format!("{method} {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        client.send(&text).await;
        client.answer().await.unwrap()
    };
    let is_kept = async |path: &str| {
        let answer = send("GET", path).await;
        answer.header("cache-status") == Some("ondol; hit")
    };
    assert!(!is_kept(one).await && !is_kept(other).await);
    assert!(is_kept(one).await && is_kept(other).await);
    send("POST", "/say/409/cache-group-invalidation:\"films\"").await;
    assert!(is_kept(one).await, "it did not happen");
    send("POST", "/say/200/cache-group-invalidation:\"films\"").await;
    assert!(!is_kept(one).await && is_kept(other).await);
    assert!(is_kept(one).await);
    send("DELETE", one).await;
    assert!(!is_kept(one).await);
}

#[tokio::test]
async fn many_who_want_the_same_at_once_cost_the_service_one_request() {
    let web = Service::with_delay("web", Duration::from_millis(200)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let rule = cached(|rule| rule.ttl = Some(Duration::from_secs(60)));
    let at = rig.listen(guarded(rule, "web")).await;
    let clients: Vec<_> = (0..20).map(|_| tokio::spawn(get(at, "/films"))).collect();
    for client in clients {
        assert_eq!(client.await.unwrap().status, 200);
    }
    assert_eq!(web.requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_old_answer_is_asked_about_and_spared_when_the_service_is_gone() {
    let mut stage = stage(cached(|rule| rule.stale_if_error = Duration::from_secs(60))).await;
    let path = "/say/200/etag:\"v1\";cache-control:max-age=0";
    assert_eq!(get(stage.at, path).await.status, 200);
    let confirmed = get(stage.at, path).await;
    assert_eq!(
        confirmed.header("cache-status"),
        Some("ondol; fwd=stale; fwd-status=304")
    );
    assert!(
        confirmed.text().starts_with("web GET"),
        "the body is the stored one"
    );
    stage.rig.publish("web", Vec::new()).await;
    let spared = get(stage.at, path).await;
    assert_eq!(
        spared.header("cache-status"),
        Some("ondol; hit; detail=stale-if-error")
    );
    assert_eq!(spared.text(), confirmed.text());
    assert_eq!(
        reason(&get(stage.at, "/other").await),
        (503, Some("no_endpoint"))
    );
}

#[tokio::test]
async fn a_stale_answer_stands_in_its_place_in_the_chain_unless_its_service_forbids_it() {
    let mut stage = stage(cached(|_| {})).await;
    let stale = |seconds| Fallback::Stale {
        age_max: Some(Duration::from_secs(seconds)),
    };
    let spare = Fallback::Static(StaticAnswer {
        status: 200,
        headers: BTreeMap::new(),
        body: "nothing is kept".to_owned(),
    });
    let resilience = Resilience {
        fallback: vec![stale(60), spare],
        fallback_on: [503].into(),
        ..Resilience::default()
    };
    let traffic = Traffic {
        resilience,
        ..Traffic::default()
    };
    stage.rig.traffic = vec![TrafficPolicy {
        service: service("web"),
        traffic,
    }];
    stage.rig.renew().await;
    let old = "/say/200/etag:\"v1\";cache-control:max-age=0";
    let strict = "/say/200/etag:\"v1\";cache-control:max-age=0,must-revalidate";
    let kept = get(stage.at, old).await;
    assert_eq!(
        (kept.status, get(stage.at, strict).await.status),
        (200, 200)
    );
    assert_eq!(get(stage.at, "/status/503").await.text(), "nothing is kept");

    stage.rig.publish("web", Vec::new()).await;
    let stood_in = get(stage.at, old).await;
    assert_eq!(stood_in.text(), kept.text());
    let said = ["x-ondol-reason", "x-ondol-fallback", "cache-status"];
    assert_eq!(
        said.map(|name| stood_in.header(name)),
        [
            Some("no_endpoint"),
            Some("stale"),
            Some("ondol; hit; detail=stale")
        ]
    );
    for other in [strict, "/never-seen"] {
        let answer = get(stage.at, other).await;
        assert_eq!(answer.text(), "nothing is kept", "{other}");
        assert_eq!(answer.header("x-ondol-fallback"), Some("static"));
    }
}

#[tokio::test]
async fn an_old_answer_is_given_at_once_while_a_new_one_is_fetched() {
    let stage = stage(cached(|rule| {
        rule.stale_while_revalidate = Duration::from_secs(60)
    }))
    .await;
    let path = "/say/200/cache-control:max-age=0";
    get(stage.at, path).await;
    let stale = get(stage.at, path).await;
    assert_eq!(
        stale.header("cache-status"),
        Some("ondol; hit; detail=stale")
    );
    for _ in 0..100 {
        if stage.web.requests.load(Ordering::Relaxed) >= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no newer answer was fetched");
}

#[tokio::test]
async fn text_becomes_smaller_for_those_who_can_read_it() {
    let guard = Guard {
        compress: true,
        ..Guard::default()
    };
    let stage = stage(guard).await;
    let filler = "x".repeat(2000);
    let path = format!("/say/200/content-type:text/plain;etag:\"v1\";x-a:{filler}");
    let plain = get(stage.at, &path).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let coded = ask(stage.at, &path, "Accept-Encoding: gzip\r\n").await;
    assert_eq!(
        (coded.header("content-encoding"), coded.header("etag")),
        (Some("gzip"), Some("W/\"v1\""))
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(&coded.body[..])
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.starts_with("web GET /say/") && coded.body.len() < text.len() / 5);
}
