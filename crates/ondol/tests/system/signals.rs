//! What is known of requests: readings, the access log, metrics and traces, also while the node is gone.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};
use ondol_test::{Load, get, wait_until};
use serde_json::Value;

use crate::app::{App, SOON};

/// What the node's telemetry answers, as JSON.
fn telemetry(app: &App, path: &str) -> Result<Value> {
    let script =
        format!("curl -s --unix-socket \"$ONDOL_STATE/telemetry.sock\" 'http://ondol{path}'");
    let output = app.node.shell(&script).stdin(Stdio::null()).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The number that a query has as its only value.
fn value(app: &App, query: &str) -> Option<f64> {
    let answer = telemetry(app, &format!("/api/v1/query?query={query}")).ok()?;
    answer["data"]["result"][0]["value"][1]
        .as_str()?
        .parse()
        .ok()
}

#[test]
fn a_request_is_a_reading_a_line_a_counter_and_a_span_also_when_the_node_was_away() -> Result<()> {
    let mut app = App::new("pair")?;
    let edge = "edge: { port: \"${EDGE_PORT:-8080}\" }";
    let both = format!("{edge}\n  requests: {{ log: ./access.log }}");
    app.edit("compose.yaml", edge, &both)?;
    app.up()?;
    let Some(load) = Load::start(&app.edge("/"), 8, 6)? else {
        return app.finish();
    };
    app.node.kill()?;
    for _ in 0..50 {
        assert_eq!(get(&app.edge("/away"))?.status, 200);
    }
    app.node.serve()?;
    let rate = |replica: &Value| replica["reading"]["requests_per_second"].as_f64();
    wait_until("a reading of both replicas", SOON, || {
        let replicas = app.replicas().ok()?;
        let both = replicas.values().all(|replica| rate(replica) > Some(0.0));
        both.then_some(())
    })?;
    let report = load.finish()?;
    assert_eq!(report.failed(), 0, "{report:?}");

    let log = app.dir.join("access.log");
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    let of = |path: &str| {
        let sought = format!("\"path\":\"{path}\"");
        lines()
            .lines()
            .filter(|line| line.contains(&sought))
            .count() as u64
    };
    wait_until("every request to be a line", SOON, || {
        (of("/") >= report.requests && of("/away") == 50).then_some(())
    })?;
    let line = lines()
        .lines()
        .find(|line| line.contains("/away"))
        .map(str::to_owned);
    let line: Value = serde_json::from_str(&line.context("a line")?)?;
    assert_eq!(
        (&line["service"], &line["status"]),
        (&"web".into(), &200.into())
    );

    // Requests that nobody was told of while there was no node are counted when there is one.
    wait_until("the counters", SOON, || {
        value(&app, "sum(ondol_proxy_requests_total)").filter(|&count| count > 50.0)
    })?;
    let trace = wait_until("a trace", SOON, || {
        let traces = telemetry(&app, "/api/traces?service=web&limit=1").ok()?;
        traces["data"].get(0).cloned()
    })?;
    assert_eq!(trace["spans"][0]["operationName"], "*/", "{trace}");
    app.finish()
}
