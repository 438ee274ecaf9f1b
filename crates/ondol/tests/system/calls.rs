//! gRPC and WebSocket with the clients that people take, and what becomes of them when the proxy is replaced.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ondol_test::{program, skipped, wait_until};

use crate::app::{App, SOON, free_port};
use crate::process;

/// A Python with grpcio and websockets, which `cargo xtask ci` installs from PyPI.
fn python() -> Option<PathBuf> {
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python3");
    if !python.is_file() {
        skipped("no clients from PyPI here");
        return None;
    }
    Some(python)
}

fn start() -> Result<(App, u16)> {
    let mut app = App::new("calls")?;
    let https = free_port()?;
    app.node.set("HTTPS_PORT", &https.to_string());
    // Their libraries are installed before the first start.
    app.ok(["up", "--wait", "--wait-timeout", "300"])?;
    fs::write(app.dir.join("ca.pem"), app.ok(["trust", "--print"])?.stdout)?;
    Ok((app, https))
}

#[test]
fn grpc_and_websocket_pass_and_outlive_the_proxy_that_they_came_through() -> Result<()> {
    let Some(python) = python() else {
        return Ok(());
    };
    let (app, https) = start()?;
    let grpc = |arguments: &[&str]| {
        let script = app.dir.join("grpc_client.py");
        let done = Command::new(&python)
            .arg(script)
            .args(arguments)
            .current_dir(&app.dir)
            .output()?;
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        ensure!(said.ends_with("ok\n"), "{arguments:?}: {said}");
        Ok(())
    };
    let (plain, secure) = (
        format!("127.0.0.1:{}", app.edge_port()),
        format!("127.0.0.1:{https}"),
    );
    let both = ["--replicas", "2"];
    let by_tls = ["--ca", "ca.pem", "--name", "calls.test"];
    grpc(&[&[plain.as_str()][..], &both].concat())?;
    grpc(&[&[secure.as_str()][..], &both, &by_tls].concat())?;
    calls_that_fail_are_errors_though_http_says_200(&app, || {
        grpc(&[&plain, "--fail", "UNAVAILABLE", "NOT_FOUND"])
    })?;
    the_proxy_is_replaced_under_load(&app, &python)?;
    app.finish()
}

fn calls_that_fail_are_errors_though_http_says_200(
    app: &App,
    fail: impl Fn() -> Result<()>,
) -> Result<()> {
    let failed = || {
        let query =
            "sum(ondol_proxy_requests_total{service=\"grpc\",failed=\"true\",status=\"2xx\"})";
        let asked = app.ok(["metrics", query, "--json"])?;
        Ok::<_, anyhow::Error>(asked.stdout)
    };
    ensure!(!failed()?.contains("value"), "nothing has failed");
    fail()?;
    wait_until("two of three calls to be errors", SOON, || {
        failed().ok()?.contains("\"2\"").then_some(())
    })
}

/// Connections of h2load, requests at once on each, and how often the proxy is replaced below them.
const H2LOAD_CONNECTIONS: u32 = 4;
const H2LOAD_STREAMS: u32 = 4;
const REPLACED: u32 = 2;

/// Requests that h2load did not send: told to go (GOAWAY), it counts those that each connection was about to begin.
/// That what was sent is answered is looked at frame by frame (`crates/ondol-proxy/tests/proxy/frames.rs`).
fn given_up(report: &str) -> Option<u32> {
    let line = report.lines().find(|line| line.starts_with("requests: "))?;
    let failed = line
        .split(", ")
        .find_map(|part| part.strip_suffix(" failed"))?;
    failed.parse().ok()
}

fn the_proxy_is_replaced_under_load(app: &App, python: &Path) -> Result<()> {
    const SECONDS: u32 = 12;
    let url = format!("ws://127.0.0.1:{}/", app.edge_port());
    let mut sockets = Command::new(python)
        .arg(app.dir.join("websocket_client.py"))
        .args([&url, &format!("{}", SECONDS - 4)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(sockets.stdout.take().context("its output")?);
    let mut line = String::new();
    said.read_line(&mut line)?;
    ensure!(line == "open\n", "{line}");
    let wrk = ondol_test::Load::start(&app.edge("/"), 8, SECONDS)?;
    let h2load = program("h2load").map(|h2load| {
        let connections = H2LOAD_CONNECTIONS.to_string();
        let streams = H2LOAD_STREAMS.to_string();
        let arguments = ["-D", "10", "-c", &connections, "-m", &streams, "-t", "1"];
        let url = app.edge("/");
        let mut load = Command::new(h2load);
        load.args(arguments).arg(url).stdout(Stdio::piped()).spawn()
    });
    for _ in 0..REPLACED {
        std::thread::sleep(Duration::from_secs(2));
        let before = app.proxies();
        for old in &before {
            process::signal(*old, "TERM")?;
        }
        wait_until("the next proxy", SOON, || {
            app.proxies()
                .iter()
                .any(|proxy| !before.contains(proxy))
                .then_some(())
        })?;
    }
    let mut rest = String::new();
    said.read_to_string(&mut rest)?;
    let ended = sockets.wait_with_output()?;
    let errors = String::from_utf8_lossy(&ended.stderr);
    ensure!(rest == "kept 20\n", "{rest}{errors}");
    if let Some(wrk) = wrk {
        let report = wrk.finish()?;
        ensure!(report.failed() == 0 && report.requests > 100, "{report:?}");
    }
    if let Some(h2load) = h2load {
        let report = h2load?.wait_with_output()?;
        let report = String::from_utf8_lossy(&report.stdout).into_owned();
        let own = given_up(&report).with_context(|| report.clone())?;
        let answered = report.contains("0 3xx, 0 4xx, 0 5xx") && report.contains(" 0 timeout");
        ensure!(
            answered && own <= H2LOAD_CONNECTIONS * H2LOAD_STREAMS * REPLACED,
            "{report}"
        );
    }
    Ok(())
}
