//! What `x-ondol` says about routes, balancing and failure.

use std::time::Duration;

use ondol_model::{BalanceBy, Breaker, Concurrency, Fallback, PathKind, RouteAnswer, Trip, Wanted};

use crate::support::{load_text, project_of, service};

const FILE: &str = r#"
services:
  api:
    image: nginx
    x-ondol:
      routes:
        - {host: Shop.example, regex: "/v[0-9]+/(.*)", rewrite: "/$$1", methods: [get, head]}
        - {path: /beta, headers: {X-Beta: "~[0-9]+"}, cookies: [beta=*], query: {v: 2}, priority: 5}
        - {exact: /old, redirect: "/new{rest}"}
        - {path: /health, respond: {status: 204, headers: {x-a: b}}}
        - {path: /shop, split: {api: 9, next: 1}, mirror: next, cors: "https://a.example", body_max: 1m}
      balance: {by: header, key: X-User, slow_start: 30s}
      resilience:
        timeout: {request: 2s, response: 500ms}
        retry: {attempts: 3, statuses: [503]}
        breaker: {failures: 5, window: 4s}
        fallback: [next, {respond: {body: "[]"}}]
        fallback_on: [500]
        concurrency: 20
        shed: true
  next: {image: nginx, x-ondol: {balance: round_robin, resilience: {timeout: 1s}}}
"#;

#[test]
fn routes_and_what_they_do_are_understood() {
    let project = project_of(FILE);
    let routes = &service(&project, "api").routes;
    let regex = &routes[0];
    assert_eq!(regex.host.as_deref(), Some("shop.example"));
    assert_eq!(
        (regex.path.as_str(), regex.path_kind),
        ("/v[0-9]+/(.*)", PathKind::Regex)
    );
    assert_eq!(regex.treatment.rewrite.as_deref(), Some("/$1"));
    assert_eq!(regex.when.methods, ["GET", "HEAD"]);
    let canary = &routes[1];
    assert_eq!(
        canary.when.headers["x-beta"],
        Wanted::Regex("[0-9]+".to_owned())
    );
    assert_eq!(canary.when.cookies["beta"], Wanted::Present);
    assert_eq!(canary.when.query["v"], Wanted::Exact("2".to_owned()));
    assert_eq!(canary.priority, 5);
    let Some(RouteAnswer::Redirect(redirect)) = &routes[2].treatment.answer else {
        panic!("{:?}", routes[2]);
    };
    assert_eq!((redirect.to.as_str(), redirect.status), ("/new{rest}", 308));
    let Some(RouteAnswer::Static(answer)) = &routes[3].treatment.answer else {
        panic!("{:?}", routes[3]);
    };
    assert_eq!((answer.status, answer.headers["x-a"].as_str()), (204, "b"));
    let shop = &routes[4].treatment;
    let weights: Vec<_> = shop
        .split
        .iter()
        .map(|share| (share.service.as_str(), share.weight))
        .collect();
    assert_eq!(weights, [("api", 9), ("next", 1)]);
    assert_eq!(shop.mirror.as_ref().map(|mirror| mirror.percent), Some(100));
    assert_eq!(shop.cors.as_ref().unwrap().origins, ["https://a.example"]);
    assert_eq!(shop.body_bytes_max, Some(1 << 20));
}

#[test]
fn balancing_and_resilience_are_understood() {
    let project = project_of(FILE);
    let traffic = &service(&project, "api").traffic;
    assert_eq!(traffic.balance.by, BalanceBy::Header("x-user".to_owned()));
    assert_eq!(traffic.balance.slow_start, Duration::from_secs(30));
    let rules = &traffic.resilience;
    assert_eq!(rules.timeouts.response, Some(Duration::from_millis(500)));
    assert_eq!((rules.retry.attempts, rules.retry.budget_percent), (3, 20));
    let breaker = Breaker {
        trip: Trip::Count(5),
        window: Duration::from_secs(4),
        minimum: 1,
        pause: Duration::from_secs(5),
        probes: 2,
    };
    assert_eq!(rules.breaker, Some(breaker));
    assert!(
        matches!(&rules.fallback[..], [Fallback::Service { .. }, Fallback::Static(answer)] if answer.body == "[]")
    );
    let concurrency = Concurrency {
        max: 20,
        queue: 20,
        wait: Duration::from_secs(1),
    };
    assert_eq!(rules.concurrency, Some(concurrency));
    assert_eq!(
        rules.shed.as_ref().map(|shed| (shed.min, shed.max)),
        Some((5, 1000))
    );
    let next = &service(&project, "next").traffic;
    assert_eq!(next.balance.by, BalanceBy::RoundRobin);
    assert_eq!(
        next.resilience.timeouts.request,
        Some(Duration::from_secs(1))
    );
}

#[test]
fn how_requests_are_treated_is_changed_without_a_restart() {
    let before = project_of(FILE);
    let after = project_of(&FILE.replace("500ms", "400ms").replace("9, next", "8, next"));
    let api = &"api".parse().unwrap();
    assert_ne!(before.services[api], after.services[api]);
    assert_eq!(before.definition(api), after.definition(api));
}

/// Every mistake, with the line it is on.
#[test]
fn every_mistake_is_told_where_it_stands() {
    let file = r#"
services:
  api:
    image: nginx
    x-ondol:
      routes:
        - {regex: "/v["}
        - {path: api}
        - {path: /a, exact: /b}
        - {path: /, headers: {"x y": 1}}
        - {path: /, split: {nxt: 1}}
        - {path: /, split: {next: 0}}
        - {path: /, redirect: {to: new, status: 304}}
        - {path: /, cors: {origins: ["*"], credentials: true}}
        - {path: /, strip: true, rewrite: /x}
      balance: {by: cookie, cross_zone: never, weights: [0, 0]}
      resilience:
        breaker: {failures: 1, failure_percent: 2}
        fallback: [api, {}, stale, {stale: soon}]
        shed: {min: 9, max: 8}
  next: {image: nginx}
"#;
    let loaded = load_text(file);
    assert!(loaded.project.is_none());
    let told: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|one| {
            (
                one.place.as_ref().map_or(0, |place| place.line),
                one.message.as_str(),
            )
        })
        .collect();
    let expected = [
        (7, "`/v[` is not a regular expression"),
        (8, "does not begin with /"),
        (9, "a route has one path"),
        (10, "`x y` is not the name of a header"),
        (11, "`nxt`, which is not there"),
        (12, "every weight is 0"),
        (13, "a redirect leads to a path"),
        (13, "304 is not a status of a redirect"),
        (14, "credentials for any origin"),
        (15, "replaced or removed, not both"),
        (16, "`by: cookie` does not say which"),
        (16, "none of its replicas is in a zone"),
        (16, "every weight is 0"),
        (18, "counted or compared, not both"),
        (19, "cannot stand in for itself"),
        (19, "a fallback is a service, an answer or a stale answer"),
        (
            19,
            "falls back to stale answers, and none of its answers are kept",
        ),
        (19, "`soon` is not a length of time"),
        (20, "`min` is more than `max`"),
    ];
    for (line, words) in expected {
        assert!(
            told.iter()
                .any(|(at, message)| *at == line && message.contains(words)),
            "line {line}: {words}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn what_is_written_down_of_requests_is_understood() {
    let file = "x-ondol: { requests: { log: ./access.log, slow: 250ms, traces_per_second: 50 } }\nservices: { web: { image: nginx } }\n";
    let rules = project_of(file).requests;
    assert!(
        rules
            .log
            .is_some_and(|log| log.is_absolute() && log.ends_with("access.log"))
    );
    assert_eq!(
        (rules.slow, rules.traces_per_second),
        (Duration::from_millis(250), 50)
    );
    let silent = project_of("services: { web: { image: nginx } }\n").requests;
    assert_eq!(
        (silent.slow, silent.traces_per_second, silent.log),
        (Duration::from_secs(1), 200, None)
    );
}
