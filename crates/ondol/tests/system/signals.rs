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
        format!("curl -gs --unix-socket \"$ONDOL_STATE/telemetry.sock\" 'http://ondol{path}'");
    let output = app.node.shell(&script).stdin(Stdio::null()).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// How many requests were counted by all nodes together: a counter that falls begins anew.
fn counted(app: &App) -> Result<u64> {
    let answer = telemetry(app, "/api/v1/query?query=ondol_proxy_requests_total[1h]")?;
    let mut sum = 0.0;
    for series in answer["data"]["result"].as_array().context("series")? {
        let mut before = 0.0;
        for sample in series["values"].as_array().context("samples")? {
            let value: f64 = sample[1].as_str().context("a number")?.parse()?;
            sum += if value >= before {
                value - before
            } else {
                value
            };
            before = value;
        }
    }
    Ok(sum as u64)
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

    // Neither what the node that was killed had not kept yet, nor what came while there was none, is missing.
    let made = lines().lines().count() as u64;
    let all = wait_until("the counters", SOON, || {
        counted(&app).ok().filter(|&count| count >= made)
    })?;
    assert_eq!(all, made, "each request is counted once");
    let trace = wait_until("a trace", SOON, || {
        let traces = telemetry(&app, "/api/traces?service=web&limit=1").ok()?;
        traces["data"].get(0).cloned()
    })?;
    assert_eq!(trace["spans"][0]["operationName"], "*/", "{trace}");
    app.finish()
}
