//! M1: both scrape the same pages for the same time, are asked the same, killed and started again.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::server::{Running, Server, memory_mb};
use super::{Options, http, prometheus};
use crate::bench::samples::Samples;
use crate::clock::Stopwatch;
use crate::say;

/// What both are asked, a point for each second, and what the time is filed under.
const QUERIES: [(&str, &str); 2] = [
    ("m1_rate", "sum(rate({__name__=~\"app_events_.*\"}[30s]))"),
    (
        "m1_quantile",
        "histogram_quantile(0.9, sum by (le) (rate({__name__=~\"app_seconds_.*_bucket\"}[30s])))",
    ),
];
/// Seconds of a range.
const RANGE_S: f64 = 120.0;
/// What is answered as soon as a killed one has its samples again.
const AGAIN: &str = "/api/v1/query?query=count(app_seconds_0_bucket)";

pub(super) fn measure(
    mut node: Server,
    peer: Result<Server>,
    options: &Options,
    ours: &mut Samples,
    theirs: &mut Samples,
) -> Result<()> {
    say::line(&format!("bench: M1, {} s", options.rounds));
    let mut peer = (!options.alone).then_some(peer).transpose()?;
    let running = node.start()?;
    let beside = peer.as_mut().map(Server::start).transpose();
    let beside = beside.unwrap_or_else(|error| {
        say::line(&format!("skipped: Prometheus: {error:#}"));
        None
    });
    let before = [Some(&running), beside.as_ref()].map(|one| one.map(Running::cpu_s));
    thread::sleep(Duration::from_secs(u64::from(options.rounds)));
    let cost = |one: &Running, before: Option<f64>| one.cpu_s() - before.unwrap_or_default();
    let (our_s, their_s) = (
        cost(&running, before[0]),
        beside.as_ref().map(|beside| cost(beside, before[1])),
    );
    let taken = ["ondol_samples_head ", "ondol_samples_sealed "].map(|name| says(&running, name));
    let [head, sealed] = taken;
    ours.add("m1_cpu", our_s * 1e6 / (head? + sealed?));
    judge(running, &mut node, ours)?;
    if let (Some(beside), Some(peer), Some(their_s)) = (beside, &mut peer, their_s) {
        let taken = says(&beside, "prometheus_tsdb_head_samples_appended_total")?;
        theirs.add("m1_cpu", their_s * 1e6 / taken);
        theirs.add("m1_bytes", prometheus::sealed(&beside)?);
        judge(beside, peer, theirs)?;
    }
    Ok(())
}

/// Its answers, its memory after them, and how long it is away when it is killed.
fn judge(running: Running, server: &mut Server, into: &mut Samples) -> Result<()> {
    for (key, ms) in ask(&running)? {
        into.add(key, ms);
    }
    into.add("m1_rss", memory_mb(running.pid(), "VmHWM"));
    drop(running);
    let watch = Stopwatch::start();
    let again = server.start()?;
    again.wait(AGAIN, |answer| {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        answer["data"]["result"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    })?;
    into.add("m1_restart", watch.elapsed().as_secs_f64());
    Ok(())
}

/// Milliseconds of each query over the last seconds.
pub(super) fn ask(running: &Running) -> Result<Vec<(&'static str, f64)>> {
    let now: Value =
        serde_json::from_slice(&http::ask(running.port(), "/api/v1/query?query=time()")?)?;
    // Both say it, Prometheus as a pair of which the first is the moment.
    let now = now["data"]["result"][0]
        .as_f64()
        .context("no time")?
        .floor();
    let mut times = Vec::new();
    for (key, query) in QUERIES {
        let path = format!(
            "/api/v1/query_range?query={}&start={}&end={now}&step=1",
            http::escaped(query),
            now - RANGE_S
        );
        times.push((key, running.fastest_ms(&path, 500)?));
    }
    Ok(times)
}

/// What it says of itself.
fn says(running: &Running, name: &str) -> Result<f64> {
    let page = String::from_utf8(http::ask(running.port(), "/metrics")?)?;
    let lines = page.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values
        .reduce(|a, b| a + b)
        .with_context(|| format!("it does not say `{name}`"))
}
