//! Our store, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use ondol_query::promql::{Features, Outcome, Query, evaluate, parse};
use ondol_query::{MatchOp, Matcher, Selection, Source};
use ondol_telemetry::{Config, Folder, Format, Samples, Target};
use serde_json::Value;

use super::generator::{SERIES, TARGETS};
use super::{ASKED, Measured, QUERIES, STEPS, events, http};
use crate::bench::usage::cpu_seconds;
use crate::clock::Stopwatch;

/// What the measured process does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Side {
    /// Takes in all rounds and waits to be killed.
    Fill,
    /// Opens what is there, answers, seals, answers again.
    Ask,
    /// Takes in log lines and answers.
    Lines,
    /// Takes in spans and answers.
    Spans,
}

/// Where made time begins.
const START_MS: i64 = 1_700_000_000_000;

pub(super) fn measure(scratch: &Path, port: u16, rounds: u32) -> Result<Measured> {
    let dir = scratch.join("ondol");
    let mut filling = start(Side::Fill, &dir, port, rounds)?;
    let said = answer(&mut filling, 1)?;
    let pid = filling.id().cast_signed();
    let cpu_s = cpu_seconds(&[pid]) - said[0];
    let rss_mb = memory_mb(pid, "VmRSS");
    let peak_mb = memory_mb(pid, "VmHWM");
    filling.kill()?;
    filling.wait()?;
    let watch = Stopwatch::start();
    let mut asking = start(Side::Ask, &dir, port, rounds)?;
    let _first = answer(&mut asking, 1)?;
    let restart_s = watch.elapsed().as_secs_f64();
    let said = answer(&mut asking, 4 + 2 * QUERIES.len())?;
    let (in_memory, sealed) = said[4..].split_at(QUERIES.len());
    let rss_peak_mb = memory_mb(asking.id().cast_signed(), "VmHWM").max(peak_mb);
    asking.kill()?;
    asking.wait()?;
    let samples = u64::from(rounds) * (TARGETS * SERIES) as u64;
    Ok(Measured {
        name: "Ondol",
        rss_mb,
        rss_peak_mb,
        cpu_us_per_sample: cpu_s * 1e6 / samples as f64,
        sealed_bytes_per_sample: said[1] / said[2],
        restart_s,
        read_buckets_s: Some(said[3]),
        queries_ms: in_memory.to_vec(),
        sealed_queries_ms: sealed.to_vec(),
        samples: said[2] as u64,
    })
}

/// Lines or spans.
pub(super) fn measure_events(scratch: &Path, side: Side) -> Result<Value> {
    let dir = scratch.join(if side == Side::Spans {
        "spans"
    } else {
        "lines"
    });
    let output = start(side, &dir, 0, 0)?.wait_with_output()?;
    serde_json::from_slice(&output.stdout)
        .context("the measured process did not say what it measured")
}

/// The process that is measured.
pub(super) fn be(side: Side, dir: &Path, port: u16, rounds: u32) -> Result<()> {
    if matches!(side, Side::Lines | Side::Spans) {
        return events::be(dir, side == Side::Spans);
    }
    let folder = Arc::new(Folder::open(dir)?);
    let (mut samples, opened) = Samples::open(folder, Config::default())?;
    let mut out = io::stdout();
    match side {
        Side::Fill => {
            let before = cpu_seconds(&[std::process::id().cast_signed()]);
            fill(&mut samples, port, rounds)?;
            writeln!(out, "{before}")?;
        }
        Side::Ask | Side::Lines | Side::Spans => {
            read_buckets(&samples, "app_seconds_0_bucket")?;
            writeln!(out, "{}", opened.replayed)?;
            out.flush()?;
            let end_ms = START_MS + i64::from(rounds) * 1000;
            let in_memory = queries(&samples, end_ms)?;
            samples.seal(end_ms)?;
            let status = samples.status();
            let watch = Stopwatch::start();
            let read = read_buckets(&samples, "app_seconds_.*_bucket")?;
            let seconds = watch.elapsed().as_secs_f64();
            writeln!(
                out,
                "{read}\n{}\n{}\n{seconds}",
                status.segment_bytes, status.segment_samples
            )?;
            for ms in in_memory.into_iter().chain(queries(&samples, end_ms)?) {
                writeln!(out, "{ms}")?;
            }
        }
    }
    out.flush()?;
    // Until we are killed, or the one who measures is gone.
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn fill(samples: &mut Samples, port: u16, rounds: u32) -> Result<()> {
    let mut streams = Vec::new();
    for target in 0..TARGETS {
        let labels = [
            ("job", "bench".to_owned()),
            ("instance", format!("localhost:{target}")),
        ];
        let target = Target {
            key: target.to_string(),
            labels: labels
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
        };
        streams.push((TcpStream::connect(("127.0.0.1", port))?, target));
    }
    let mut page = Vec::new();
    for round in 0..rounds {
        let now_ms = START_MS + i64::from(round) * 1000;
        for (at, (stream, target)) in streams.iter_mut().enumerate() {
            http::get(stream, &format!("/ondol/{}", target.key), &mut page)?;
            samples.scrape(target, &page, Format::Text, 1, now_ms + at as i64 * 200)?;
        }
        samples.maintain(now_ms + 999)?;
    }
    Ok(())
}

/// Reads every sample of all series of these metrics; how many there were.
fn read_buckets(samples: &Samples, metric: &str) -> Result<usize> {
    let matcher = Matcher::new("__name__", MatchOp::Matches, metric)?;
    let selection = Selection {
        matchers: &[matcher],
        start_ms: 0,
        end_ms: i64::MAX,
        step_ms: 1000,
        range_ms: 60_000,
        function: "",
    };
    let (mut count, mut page) = (0, Vec::new());
    for mut series in samples.select(&selection)? {
        page.clear();
        while series.samples.read(&mut page)? {}
        count += page.len();
    }
    Ok(count)
}

/// Milliseconds of each query.
fn queries(samples: &Samples, end_ms: i64) -> Result<Vec<f64>> {
    let mut fastest = Vec::new();
    for text in QUERIES {
        let expr = parse(text, Features::STABLE)?;
        let start_ms = end_ms - i64::from(STEPS - 1) * 1000;
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let watch = Stopwatch::start();
            let answer = evaluate(&Query::range(&expr, start_ms, end_ms, 1000), samples)?;
            times.push(watch.elapsed().as_secs_f64() * 1000.0);
            ensure!(
                matches!(answer.outcome, Outcome::Matrix(series) if series.len() == 1),
                "`{text}` found nothing"
            );
        }
        fastest.extend(times.into_iter().reduce(f64::min));
    }
    Ok(fastest)
}

fn start(side: Side, dir: &Path, port: u16, rounds: u32) -> Result<Child> {
    let name = side.to_possible_value().context("no such side")?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["bench", "telemetry", "--side", name.get_name()])
        .args(["--port", &port.to_string(), "--rounds", &rounds.to_string()])
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
        .spawn()
        .context("the measured process could not be started")
}

/// The next numbers that the process says.
fn answer(child: &mut Child, count: usize) -> Result<Vec<f64>> {
    let stdout = child.stdout.take().context("already heard")?;
    // One byte at a time: what comes later is for the next one who asks.
    let mut reader = BufReader::with_capacity(1, stdout);
    let mut numbers = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        numbers.push(
            line.trim()
                .parse()
                .with_context(|| format!("`{line}` is no number"))?,
        );
    }
    child.stdout = Some(reader.into_inner());
    Ok(numbers)
}

/// A line of `/proc/PID/status`, in MB.
pub(in crate::bench) fn memory_mb(pid: i32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kb = status.lines().find_map(|text| {
        let (name, value) = text.split_once(':')?;
        (name == line).then(|| value.trim().trim_end_matches(" kB").parse::<f64>().ok())?
    });
    kb.unwrap_or_default() / 1024.0
}
