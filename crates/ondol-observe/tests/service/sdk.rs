//! OpenTelemetry's SDK of Python as a client, by both protocols.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::asking::Service;

/// The interpreter that `cargo xtask ci` has put the SDK into; else says that a test is skipped.
pub(crate) fn python() -> Option<String> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python");
    let has_sdk = Command::new(&tools)
        .args([
            "-c",
            "import opentelemetry.exporter.otlp.proto.http, opentelemetry.exporter.otlp.proto.grpc",
        ])
        .output()
        .is_ok_and(|done| done.status.success());
    if !has_sdk {
        ondol_test::skipped("OpenTelemetry's SDK for Python is not installed");
    }
    has_sdk.then(|| tools.to_string_lossy().into_owned())
}

fn program_says_everything_by(protocol: &str) {
    let Some(python) = python() else {
        return;
    };
    let service = Service::start();
    let done = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/sdk.py"))
        .args([protocol, &format!("http://{}", service.address)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && !said.contains("Failed to export"),
        "{said}"
    );
    let id = String::from_utf8(done.stdout).unwrap();
    let trace = service.get(&format!("/ondol/traces/{}", id.trim())).json();
    assert_eq!(trace["services"], json!({ format!("sdk-{protocol}"): 2 }));
    let inner = &trace["waterfall"][1];
    assert_eq!(
        (&inner["name"], &inner["depth"], &inner["status"]),
        (&json!("work"), &json!(1), &json!("error"))
    );
    assert_eq!(inner["events"][0]["name"], "exception");
    let line = &trace["lines"][0];
    assert_eq!(
        (&line["text"], &line["level"]),
        (&json!("it broke"), &json!("error"))
    );
    assert_eq!(line["span"], trace["waterfall"][0]["id"]);
    let value = |query: &str| {
        let answer = service.get(&format!("/api/v1/query?query={query}")).json();
        answer["data"]["result"][0]["value"][1].clone()
    };
    assert_eq!(value("orders_total%7Bkind%3D%22film%22%7D"), "3");
    assert_eq!(value("took_seconds_count"), "1");
}

#[test]
fn a_program_with_the_sdk_says_everything_by_http() {
    program_says_everything_by("http");
}

#[test]
fn a_program_with_the_sdk_says_everything_by_grpc() {
    program_says_everything_by("grpc");
}
