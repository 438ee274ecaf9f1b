//! What becomes of each key.

use ondol_compose::KeyUse;

use crate::support::load_text;

#[test]
fn every_key_is_reported_as_what_becomes_of_it() {
    let loaded = load_text(
        "services:\n  a:\n    image: x\n    cap_add: [NET_ADMIN]\n    links: [b]\n    deploy: {replicas: 2, endpoint_mode: vip}\n    ports: [{target: 80, mode: host}]\n    frobnicate: 1\n    logging: {driver: syslog, options: {tag: t}}\n  b: {image: x}\nx-mine: {}\n",
    );
    let keys: Vec<_> = loaded
        .keys
        .iter()
        .filter(|key| key.path.starts_with("services.a"))
        .map(|key| (key.path.trim_start_matches("services.a."), key.usage))
        .collect();
    assert_eq!(
        keys,
        [
            ("cap_add", KeyUse::EngineOnly),
            ("deploy.endpoint_mode", KeyUse::ActedOn),
            ("deploy.replicas", KeyUse::ActedOn),
            ("frobnicate", KeyUse::NotActedOn),
            ("image", KeyUse::ActedOn),
            ("links", KeyUse::NotActedOn),
            ("logging.driver", KeyUse::NotActedOn),
            ("logging.options.tag", KeyUse::EngineOnly),
            ("ports", KeyUse::ActedOn),
            ("ports[0].mode", KeyUse::NotActedOn),
        ]
    );
    let not_acted = loaded
        .keys
        .iter()
        .filter(|key| key.usage == KeyUse::NotActedOn);
    assert!(
        not_acted
            .clone()
            .all(|key| key.reason.is_some() && key.place.is_some())
    );
    assert!(!loaded.keys.iter().any(|key| key.path.starts_with("x-")));
}

#[test]
fn a_key_is_acted_on_only_with_the_values_that_are() {
    let usage = |path: &str, text: &str| {
        let loaded = load_text(&format!(
            "services: {{a: {{image: x, {text}}}, b: {{image: y}}}}"
        ));
        let path = format!("services.a.{path}");
        let key = loaded.keys.iter().find(|key| key.path == path);
        let key = key.unwrap_or_else(|| panic!("{path} is not told"));
        assert_eq!(key.usage == KeyUse::NotActedOn, key.reason.is_some());
        key.usage
    };
    for (path, text, acted) in [
        ("logging.driver", "logging: {driver: json-file}", true),
        ("logging.driver", "logging: {driver: local}", true),
        ("logging.driver", "logging: {driver: syslog}", false),
        ("network_mode", "network_mode: host", true),
        ("network_mode", "network_mode: bridge", true),
        ("network_mode", "network_mode: none", false),
        ("network_mode", "network_mode: \"service:b\"", false),
        ("deploy.endpoint_mode", "deploy: {endpoint_mode: vip}", true),
        (
            "deploy.endpoint_mode",
            "deploy: {endpoint_mode: dnsrr}",
            false,
        ),
        (
            "deploy.restart_policy.delay",
            "deploy: {restart_policy: {delay: 5s}}",
            true,
        ),
        (
            "deploy.placement.preferences",
            "deploy: {placement: {preferences: [{spread: node.labels.zone}]}}",
            false,
        ),
    ] {
        assert_eq!(usage(path, text) == KeyUse::ActedOn, acted, "{text}");
    }
}
