//! Debian's Prometheus, on the same pages, in real time.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::generator::TARGETS;
use super::ours::memory_mb;
use super::{ASKED, Measured, QUERIES, STEPS};
use crate::bench::usage::cpu_seconds;
use crate::clock::Stopwatch;

pub(super) fn measure(scratch: &Path, port: u16, rounds: u32) -> Result<Measured> {
    let dir = scratch.join("prometheus");
    fs::create_dir_all(&dir)?;
    let config = dir.join("prometheus.yml");
    let mut text = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
    for target in 0..TARGETS {
        text += &format!(
            "  - {{job_name: bench{target}, metrics_path: /prometheus/{target}, static_configs: [{{targets: [\"127.0.0.1:{port}\"]}}]}}\n"
        );
    }
    fs::write(&config, text)?;
    let own = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let process = start(&dir, &config, own)?;
    let ready = wait(own)?;
    let pid = process.0.id().cast_signed();
    let before_s = cpu_seconds(&[pid]);
    thread::sleep(Duration::from_secs(u64::from(rounds)).saturating_sub(ready));
    let cpu_s = cpu_seconds(&[pid]) - before_s;
    let rss_mb = memory_mb(pid, "VmRSS");
    let samples = stored(own)?;
    let _ = ask(own, "/api/v1/query?query=count(app_seconds_0_bucket)")?;
    let queries_ms = queries(own)?;
    let rss_peak_mb = memory_mb(pid, "VmHWM");
    drop(process);
    let watch = Stopwatch::start();
    let process = start(&dir, &config, own)?;
    wait(own)?;
    let restart_s = watch.elapsed().as_secs_f64();
    let sealed = snapshot(&dir, own);
    drop(process);
    Ok(Measured {
        name: "Prometheus",
        rss_mb,
        rss_peak_mb,
        cpu_us_per_sample: cpu_s * 1e6 / samples,
        sealed_bytes_per_sample: sealed?,
        restart_s,
        read_buckets_s: None,
        queries_ms,
        sealed_queries_ms: Vec::new(),
        samples: samples as u64,
    })
}

/// Killed when nobody looks at it any more, also after an error.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn start(dir: &Path, config: &Path, port: u16) -> Result<Running> {
    Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-admin-api")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Running)
        .context("`prometheus` is not here (Debian: apt-get install prometheus)")
}

/// Until it answers; how long that took.
fn wait(port: u16) -> Result<Duration> {
    let watch = Stopwatch::start();
    while watch.elapsed() < Duration::from_secs(60) {
        if get(port, "/-/ready").is_ok() {
            return Ok(watch.elapsed());
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("it is not ready after a minute")
}

/// HTTP/1.0, so that an answer ends where the connection ends.
fn get(port: u16, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no answer")?;
    let body = answer.split_off(end + 4);
    ensure!(answer.starts_with(b"HTTP/1.0 200"), "`{path}` was refused");
    Ok(body)
}

fn ask(port: u16, path: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&get(port, path)?)?)
}

/// Milliseconds of each query, by HTTP.
fn queries(port: u16) -> Result<Vec<f64>> {
    let now = ask(port, "/api/v1/query?query=time()")?;
    let now = now["data"]["result"][0].as_f64().context("no time")?;
    let mut fastest = Vec::new();
    for text in QUERIES {
        let text: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!(
            "/api/v1/query_range?query={text}&start={}&end={now}&step=1",
            now - f64::from(STEPS - 1)
        );
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let watch = Stopwatch::start();
            let answer = get(port, &path)?;
            times.push(watch.elapsed().as_secs_f64() * 1000.0);
            ensure!(answer.len() > 500, "nothing was found");
        }
        fastest.extend(times.into_iter().reduce(f64::min));
    }
    Ok(fastest)
}

/// Samples that it took in, as it says itself.
fn stored(port: u16) -> Result<f64> {
    let page = String::from_utf8(get(port, "/metrics")?)?;
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("prometheus_tsdb_head_samples_appended_total"));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.context("it does not say how many samples it has")
}

/// Bytes of the block that it makes of everything, for each sample in it.
fn snapshot(dir: &Path, port: u16) -> Result<f64> {
    let made = Command::new("curl")
        .args(["-sS", "-X", "POST"])
        .arg(format!(
            "http://127.0.0.1:{port}/api/v1/admin/tsdb/snapshot"
        ))
        .output()
        .context("`curl` is not here")?;
    let made: Value = serde_json::from_slice(&made.stdout)?;
    let name = made["data"]["name"]
        .as_str()
        .context("no snapshot was made")?;
    let (mut bytes, mut samples) = (0, 0.0);
    for block in fs::read_dir(dir.join("data/snapshots").join(name))? {
        let block = block?.path();
        let meta: Value = serde_json::from_slice(&fs::read(block.join("meta.json"))?)?;
        samples += meta["stats"]["numSamples"].as_f64().unwrap_or_default();
        for file in [block.join("index")].into_iter().chain(
            fs::read_dir(block.join("chunks"))?
                .flatten()
                .map(|chunk| chunk.path()),
        ) {
            bytes += fs::metadata(file)?.len();
        }
    }
    Ok(bytes as f64 / samples)
}
