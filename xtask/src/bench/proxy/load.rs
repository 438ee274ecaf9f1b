//! Load by clients that are not ours, and what came of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::machine::Cores;
use crate::bench::samples::quantile;
use crate::command;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) requests: f64,
    pub(super) failed: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
}

/// HTTP/1 by wrk, as fast as it goes.
pub(super) fn wrk(
    cores: &Cores,
    url: &str,
    connections: u32,
    seconds: u32,
    headers: &[&str],
) -> Result<Load> {
    let mut wrk = pinned(cores, "wrk");
    wrk.args(["-t1", "--latency", "--timeout", "10s"]);
    wrk.args([format!("-c{connections}"), format!("-d{seconds}s")]);
    wrk.args(headers.iter().flat_map(|header| ["-H", header]))
        .arg(url);
    let text = command::output(&mut wrk)?;
    read_wrk(&text).with_context(|| format!("wrk printed something unexpected: {text}"))
}

/// HTTP/2 by h2load, as fast as it goes: 4 connections of 16 streams.
pub(super) fn h2load(cores: &Cores, url: &str, seconds: u32) -> Result<Load> {
    let mut h2load = pinned(cores, "h2load");
    h2load.args(["-c4", "-m16", "-t1", &format!("-D{seconds}"), url]);
    let text = command::output(&mut h2load)?;
    read_h2load(&text).with_context(|| format!("h2load printed something unexpected: {text}"))
}

/// HTTP/1 by h2load, so many requests each second on 16 connections; `scratch` is a folder for its log.
pub(super) fn steady(
    cores: &Cores,
    url: &str,
    per_second: u32,
    seconds: u32,
    scratch: &Path,
) -> Result<Load> {
    let log = scratch.join("h2load.log");
    let mut h2load = pinned(cores, "h2load");
    h2load.args([
        "--h1",
        "-c16",
        "-t1",
        &format!("-D{seconds}"),
        &format!("--rps={}", per_second.div_ceil(16)),
    ]);
    h2load.arg("--log-file").arg(&log).arg(url);
    // It appends.
    let _ = fs::remove_file(&log);
    let text = command::output(&mut h2load)?;
    let load = read_h2load(&text)
        .with_context(|| format!("h2load printed something unexpected: {text}"))?;
    let times = times_us(&fs::read_to_string(&log)?);
    ensure!(!times.is_empty(), "h2load wrote no times");
    Ok(Load {
        p50_us: quantile(&times, 0.5),
        p99_us: quantile(&times, 0.99),
        ..load
    })
}

fn pinned(cores: &Cores, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &cores.others, program]);
    command
}

fn read_wrk(text: &str) -> Option<Load> {
    let mut load = Load::default();
    for line in text.lines().map(str::trim) {
        if let Some((requests, _)) = line.split_once(" requests in ") {
            load.requests = requests.parse().ok()?;
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            load.per_second = rate.trim().parse().ok()?;
        } else if let Some(kinds) = line.strip_prefix("Socket errors: ") {
            let counts = kinds
                .split(", ")
                .filter_map(|kind| kind.rsplit(' ').next()?.parse::<f64>().ok());
            load.failed += counts.sum::<f64>();
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses: ") {
            load.failed += count.parse::<f64>().ok()?;
        } else if let Some(time) = line.strip_prefix("50%") {
            load.p50_us = Some(micros(time)?);
        } else if let Some(time) = line.strip_prefix("99%") {
            load.p99_us = Some(micros(time)?);
        }
    }
    (load.requests > 0.0).then_some(load)
}

fn read_h2load(text: &str) -> Option<Load> {
    let mut load = Load::default();
    for line in text.lines() {
        if line.starts_with("finished in ") {
            load.per_second = line
                .split(", ")
                .nth(1)?
                .strip_suffix(" req/s")?
                .parse()
                .ok()?;
        } else if let Some(counts) = line.strip_prefix("requests: ") {
            for count in counts.split(", ") {
                let (number, kind) = count.split_once(' ')?;
                let number: f64 = number.parse().ok()?;
                match kind {
                    "done" => load.requests = number,
                    "failed" | "errored" | "timeout" => load.failed += number,
                    _ => {}
                }
            }
        } else if let Some(statuses) = line.strip_prefix("status codes: ") {
            let bad = statuses
                .split(", ")
                .filter(|status| status.ends_with("4xx") || status.ends_with("5xx"));
            let counts = bad.filter_map(|status| status.split(' ').next()?.parse::<f64>().ok());
            load.failed += counts.sum::<f64>();
        }
    }
    (load.requests > 0.0).then_some(load)
}

/// The third column of h2load's log.
fn times_us(log: &str) -> Vec<f64> {
    let third = |line: &str| line.split('\t').nth(2)?.trim().parse().ok();
    log.lines().filter_map(third).collect()
}

/// `479.00us`, `1.20ms`, `2.00s`.
fn micros(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, factor) = unit
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_read() {
        let text = "\
  Latency Distribution
     50%  479.00us
     75%  600.00us
     99%    1.20ms
  31415 requests in 1.00s, 2.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:  31410.25
";
        let expected = Load {
            requests: 31415.0,
            failed: 13.0,
            per_second: 31410.25,
            p50_us: Some(479.0),
            p99_us: Some(1200.0),
        };
        assert_eq!(read_wrk(text), Some(expected));
        assert_eq!(read_wrk("unable to connect"), None);
    }

    #[test]
    fn h2load_is_read_with_its_log() {
        let text = "\
finished in 3.00s, 45123.00 req/s, 5.50MB/s
requests: 135369 total, 135400 started, 135369 done, 135368 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 135360 2xx, 0 3xx, 2 4xx, 6 5xx
";
        let load = read_h2load(text).unwrap();
        assert_eq!(
            (load.requests, load.failed, load.per_second),
            (135369.0, 9.0, 45123.0)
        );
        assert_eq!(
            times_us("1700000000\t200\t381\n1700000001\t200\t92\n"),
            [381.0, 92.0]
        );
        assert_eq!(micros("2.00s"), Some(2e6));
    }
}
