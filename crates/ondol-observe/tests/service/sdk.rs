//! OpenTelemetry's SDKs of Python and Node as clients, by each protocol.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::asking::Service;

/// Where `cargo xtask ci` puts what Debian does not have.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools")
}

/// The interpreter that `cargo xtask ci` has put the SDK into; else says that a test is skipped.
pub(crate) fn python() -> Option<String> {
    let python = tools().join("python/bin/python");
    let has_sdk = Command::new(&python)
        .args([
            "-c",
            "import opentelemetry.exporter.otlp.proto.http, opentelemetry.exporter.otlp.proto.grpc",
        ])
        .output()
        .is_ok_and(|done| done.status.success());
    if !has_sdk {
        ondol_test::skipped("OpenTelemetry's SDK for Python is not installed");
    }
    has_sdk.then(|| python.to_string_lossy().into_owned())
}

/// Runs a program that calls itself `name`, and looks whether everything that it said is there.
fn says_everything(name: &str, program: impl FnOnce(&Service) -> Command) {
    let service = Service::start();
    let done = program(&service).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && !said.contains("Failed to export"),
        "{said}"
    );
    let id = String::from_utf8(done.stdout).unwrap();
    let trace = service.get(&format!("/ondol/traces/{}", id.trim())).json();
    assert_eq!(trace["services"], json!({ name: 2 }), "{trace}");
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

fn of_python(protocol: &str) {
    let Some(python) = python() else {
        return;
    };
    says_everything(&format!("sdk-{protocol}"), |service| {
        let mut program = Command::new(python);
        program
            .arg(here("sdk.py"))
            .args([protocol, &format!("http://{}", service.address)]);
        program
    });
}

/// By the variables that replicas find in their environment.
fn of_node(protocol: &str) {
    let packages = tools().join("npm");
    let Some(node) = ondol_test::program("node") else {
        return;
    };
    if !packages
        .join("node_modules/@opentelemetry/sdk-node")
        .is_dir()
    {
        return ondol_test::skipped("OpenTelemetry's SDK for Node is not installed");
    }
    says_everything("sdk-node", |service| {
        let mut program = Command::new(node);
        program
            .arg(here("sdk.cjs"))
            .arg(packages)
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://{}", service.address),
            )
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_SERVICE_NAME", "sdk-node")
            .envs(
                ["TRACES", "METRICS", "LOGS"].map(|what| (format!("OTEL_{what}_EXPORTER"), "otlp")),
            );
        program
    });
}

/// A file beside this one.
fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/service")
        .join(name)
}

#[test]
fn a_program_with_the_sdk_says_everything_by_http() {
    of_python("http");
}

#[test]
fn a_program_with_the_sdk_says_everything_by_grpc() {
    of_python("grpc");
}

#[test]
fn a_program_in_node_says_everything_by_http_as_json() {
    of_node("http/json");
}

#[test]
fn a_program_in_node_says_everything_by_http_as_protobuf() {
    of_node("http/protobuf");
}

#[test]
fn a_program_in_node_says_everything_by_grpc() {
    of_node("grpc");
}
