//! Several files as one.

use ondol_compose::load;
use serde_json::{Value as Json, json};

use crate::support::{request, source};

/// The service `a` of two files laid over each other, resolved.
#[track_caller]
fn merged(base: &str, over: &str) -> Json {
    let indent = |text: &str| {
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let file = |body: &str| format!("services:\n  a:\n    image: x\n{}", indent(body));
    let source = source(&file(base), &[("compose.override.yaml", &file(over))]);
    let loaded = load(&request(), &source);
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    let mut service = loaded.resolved.to_json()["services"]["a"].take();
    service.as_object_mut().expect("a mapping").remove("image");
    service
}

#[test]
fn mappings_merge_and_lists_append() {
    assert_eq!(
        merged("dns: [1.1.1.1]", "dns: 8.8.8.8"),
        json!({"dns": ["1.1.1.1", "8.8.8.8"]})
    );
    assert_eq!(
        merged(
            "deploy: {resources: {limits: {cpus: 1}}}",
            "deploy: {resources: {limits: {memory: 1g}}}"
        ),
        json!({"deploy": {"resources": {"limits": {"cpus": 1, "memory": "1g"}}}})
    );
    assert_eq!(
        merged("environment: [A=1, B=1]", "environment: {B: 2, C: 3}"),
        json!({"environment": {"A": "1", "B": "2", "C": "3"}})
    );
    assert_eq!(
        merged("labels: {a: 1}", "labels: [b=2]"),
        json!({"labels": {"a": "1", "b": "2"}})
    );
}

#[test]
fn commands_are_replaced() {
    assert_eq!(
        merged("command: [a, b]", "command: c d"),
        json!({"command": ["c", "d"]})
    );
    assert_eq!(
        merged("entrypoint: x", "entrypoint: []"),
        json!({"entrypoint": []})
    );
    assert_eq!(
        merged(
            "healthcheck: {test: [CMD, a], retries: 1}",
            "healthcheck: {test: b}"
        ),
        json!({"healthcheck": {"test": ["CMD-SHELL", "b"], "retries": 1}})
    );
}

#[test]
fn what_is_the_same_thing_is_replaced_in_its_place() {
    let volumes = merged("volumes: [\"./a:/x\", \"./b:/y\"]", "volumes: [\"./c:/x\"]");
    let sources: Vec<_> = volumes["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| v["source"].clone())
        .collect();
    assert_eq!(sources, ["/app/c", "/app/b"]);
    let ports = merged(
        "ports: [\"80:80\", {target: 81, published: 81}]",
        "ports: [\"80:80/tcp\", \"81:81\", \"82\"]",
    );
    assert_eq!(ports["ports"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        merged("expose: [\"80\"]", "expose: [80, 81]"),
        json!({"expose": ["80", "81"]})
    );
    let source = source(
        "services:\n  b: {image: x}\n  a: {image: x, depends_on: [b]}\n",
        &[(
            "compose.override.yaml",
            "services: {a: {depends_on: {b: {condition: service_healthy}}}}",
        )],
    );
    let json = load(&request(), &source).resolved.to_json();
    assert_eq!(
        json["services"]["a"]["depends_on"],
        json!({"b": {"condition": "service_healthy"}})
    );
}

#[test]
fn build_merges_whatever_its_form() {
    assert_eq!(
        merged("build: ./a", "build: {target: t, args: [X=1]}"),
        json!({"build": {"context": "/app/a", "target": "t", "args": {"X": "1"}}})
    );
}

#[test]
fn logging_is_replaced_when_the_driver_differs() {
    let base = "logging: {driver: json-file, options: {max-size: 1m}}";
    assert_eq!(
        merged(base, "logging: {options: {max-file: 2}}"),
        json!({"logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": 2}}})
    );
    assert_eq!(
        merged(base, "logging: {driver: local}"),
        json!({"logging": {"driver": "local"}})
    );
}

#[test]
fn reset_takes_away_and_override_replaces() {
    let base = "ports: [\"80:80\"]\nenvironment: {A: 1, B: 2}\ndns: [a]\nhostname: h";
    let over =
        "ports: !reset []\nenvironment: {A: !reset null}\ndns: !override [b]\nhostname: !reset x";
    assert_eq!(
        merged(base, over),
        json!({"environment": {"B": "2"}, "dns": ["b"]})
    );
    assert_eq!(merged("command: [a]", "command: !reset null"), json!({}));
}

#[test]
fn a_whole_service_can_be_reset() {
    let source = source(
        "services: {a: {image: x}, b: {image: x}}\n",
        &[("compose.override.yaml", "services: {b: !reset null}\n")],
    );
    let json = load(&request(), &source).resolved.to_json();
    assert_eq!(json["services"], json!({"a": {"image": "x"}}));
}

#[test]
fn nothing_said_later_leaves_what_was_said() {
    let json = merged("hostname: h\ndeploy: {replicas: 2}", "hostname:\ndeploy:");
    assert_eq!(json, json!({"hostname": "h", "deploy": {"replicas": 2}}));
}

#[test]
fn own_keys_are_replaced_and_x_ondol_is_merged() {
    let json = merged(
        "x-mine: {a: 1}\nx-ondol: {port: 80, route: /a}",
        "x-mine: {b: 2}\nx-ondol: {route: /b}",
    );
    assert_eq!(
        json,
        json!({"x-mine": {"b": 2}, "x-ondol": {"port": 80, "route": {"path": "/b"}}})
    );
}

#[test]
fn documents_of_one_file_are_laid_over_each_other() {
    let text = "services: {a: {image: x, hostname: one}}\n---\nservices: {a: {hostname: two}}\n";
    let json = load(&request(), &source(text, &[])).resolved.to_json();
    assert_eq!(
        json["services"]["a"],
        json!({"image": "x", "hostname": "two"})
    );
}

#[test]
fn yaml_merge_keys_and_anchors() {
    let text = "x-a: &a {hostname: a, tty: true}\nx-b: &b {hostname: b, user: u}\nservices:\n  one: {image: x, <<: *a, hostname: own}\n  two: {image: x, <<: [*a, *b]}\n";
    let json = load(&request(), &source(text, &[])).resolved.to_json();
    assert_eq!(
        json["services"]["one"],
        json!({"image": "x", "hostname": "own", "tty": true})
    );
    assert_eq!(
        json["services"]["two"],
        json!({"image": "x", "hostname": "a", "tty": true, "user": "u"})
    );
}
