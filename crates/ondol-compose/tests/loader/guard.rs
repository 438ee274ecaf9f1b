//! Who may ask a route, how often, and what is kept of its answers.

use std::time::Duration;

use ondol_model::{ApiKeyAuth, Bytes, CacheRule, Guard, KeySource, LimitBy};

use crate::support::{load_text, project_of, service};

fn guard(keys: &str) -> Guard {
    let project = project_of(&file(keys));
    let route = service(&project, "a").routes[0].clone();
    route.treatment.guard
}

fn file(keys: &str) -> String {
    format!("services:\n  a:\n    image: x\n    x-ondol:\n      route: {{path: /, {keys}}}\n")
}

#[track_caller]
fn refused(keys: &str, because: &str) {
    let loaded = load_text(&file(keys));
    let told = loaded.render(false);
    assert!(told.contains(because), "{keys}: {told}");
    assert!(
        told.contains("compose.yaml:5"),
        "{keys} has a place: {told}"
    );
}

#[test]
fn short_forms_say_the_usual() {
    let guard = guard("limit: 10/s, cache: 60s, compress: true, allow: 10.0.0.0/8");
    assert_eq!(guard.limits[0].requests, 10);
    assert_eq!(
        (guard.limits[0].burst, &guard.limits[0].by),
        (10, &LimitBy::Ip)
    );
    assert_eq!(guard.cache.unwrap().ttl, Some(Duration::from_secs(60)));
    assert!(guard.compress && guard.allow[0].contains([10, 1, 2, 3].into()));
    assert_eq!(self::guard("cache: true").cache.unwrap().ttl, None);
}

#[test]
fn long_forms_say_all() {
    let guard = guard(
        "limit: [5/10s, {rate: 100/m, burst: 7, by: 'header:X-Api-Key'}], deny: ['fd00::/8', 10.0.0.7], \
         cache: {ttl: 1m, stale_while_revalidate: 2s, stale_if_error: 1h, query: [page], body_max: 2m}",
    );
    assert_eq!(guard.limits[0].period, Duration::from_secs(10));
    assert_eq!(guard.limits[1].by, LimitBy::Header("X-Api-Key".to_owned()));
    assert_eq!(guard.limits[1].burst, 7);
    assert_eq!(guard.deny.len(), 2);
    let rule = CacheRule {
        ttl: Some(Duration::from_secs(60)),
        stale_while_revalidate: Duration::from_secs(2),
        stale_if_error: Duration::from_secs(3600),
        query: Some(vec!["page".to_owned()]),
        body_bytes_max: Bytes(2 << 20),
    };
    assert_eq!(guard.cache, Some(rule));
}

#[test]
fn clients_may_say_who_they_are_in_several_ways() {
    let guard = guard(
        "auth: {jwt: {keys_file: ./keys.json, issuer: me, audience: [a, b], algorithms: [ES256], \
         claims: {X-Role: role}}, api_key: {file: keys}, basic: {file: /etc/users}, \
         forward: 'http://a:81/check'}",
    );
    let auth = guard.auth.unwrap();
    let jwt = auth.jwt.unwrap();
    assert_eq!(jwt.keys, KeySource::File("/app/keys.json".into()));
    assert_eq!((jwt.issuers.len(), jwt.audiences.len()), (1, 2));
    assert_eq!(jwt.claims["X-Role"], "role");
    let key = ApiKeyAuth {
        header: "X-Api-Key".to_owned(),
        file: "/app/keys".into(),
    };
    assert_eq!(auth.api_key, Some(key));
    assert_eq!(auth.basic.unwrap().realm, "a");
    let page = auth.forward.unwrap().page;
    assert_eq!(
        (page.service.as_str(), page.port, &*page.path),
        ("a", Some(81), "/check")
    );
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    refused("limit: 10", "not a rate");
    refused(
        "limit: {rate: 1/s, by: colour}",
        "counts requests by `colour`",
    );
    refused(
        "limit: {rate: 1/s, by: 'header:a b'}",
        "not the name of a header",
    );
    refused("allow: [10.1.2.3/8]", "the block is 10.0.0.0/8");
    refused("deny: example", "is not an address");
    refused("auth: {}", "no way to tell");
    refused("auth: {jwt: {}}", "does not say where the keys");
    refused(
        "auth: {jwt: {keys_file: a, keys_url: 'http://b/c'}}",
        "says twice",
    );
    refused(
        "auth: {jwt: {keys_file: a, algorithms: [none]}}",
        "`none`, which is not known",
    );
    refused("auth: {api_key: {header: X}}", "without a file");
    refused(
        "auth: {forward: 'https://elsewhere/'}",
        "not the address of a service",
    );
    refused(
        "auth: {forward: 'http://other/x'}",
        "names the service `other`",
    );
    refused("cache: no", "cache");
}
