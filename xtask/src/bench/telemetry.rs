//! `cargo xtask bench telemetry`: the stores of metrics and events under made workloads, the first beside Debian's
//! Prometheus, which scrapes the same pages in the same run.
//!
//! M1: 5 targets of 2,000 series, each page a second apart (for Ondol a second of made time: its clock is an argument).

mod events;
mod generator;
mod http;
mod ours;
mod prometheus;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::say;

use self::generator::Generator;
pub(super) use self::ours::memory_mb;

#[derive(Args)]
pub(crate) struct Options {
    /// Write the rows as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Scrapes of each target.
    #[arg(long, default_value_t = 170)]
    rounds: u32,
    /// Leave Prometheus out: it needs as many seconds as there are rounds.
    #[arg(long)]
    alone: bool,
    /// Be the process that is measured.
    #[arg(long, hide = true)]
    side: Option<ours::Side>,
    #[arg(long, hide = true, requires = "side")]
    dir: Option<PathBuf>,
    #[arg(long, hide = true)]
    port: Option<u16>,
}

/// What was measured of one of the two.
#[derive(Debug, Default, Serialize)]
pub(super) struct Measured {
    /// Which one.
    name: &'static str,
    /// Resident memory after the last scrape.
    rss_mb: f64,
    /// The most that it ever was, with the queries.
    rss_peak_mb: f64,
    /// For each sample: asked for, read, stored.
    cpu_us_per_sample: f64,
    /// Of a whole segment or block with its index.
    sealed_bytes_per_sample: f64,
    /// Killed, until the first answer after it was started again.
    restart_s: f64,
    /// All samples of the buckets: 5,500 series.
    read_buckets_s: Option<f64>,
    /// The fastest of several range queries over 121 steps, of each of [`QUERIES`], on what is in memory.
    queries_ms: Vec<f64>,
    /// The same on the disk.
    sealed_queries_ms: Vec<f64>,
    /// What was stored.
    samples: u64,
}

/// What is asked of both, a point for each second.
pub(super) const QUERIES: [&str; 2] = [
    "sum(rate({__name__=~\"app_events_.*\"}[30s]))",
    "histogram_quantile(0.9, sum by (le) (rate({__name__=~\"app_seconds_.*_bucket\"}[30s])))",
];
/// Steps of a range.
pub(super) const STEPS: u32 = 121;
/// Times that each is asked: the fastest one counts, since others work on the machine too.
pub(super) const ASKED: usize = 7;

pub(crate) fn run(options: &Options) -> Result<()> {
    if let (Some(side), Some(dir)) = (options.side, &options.dir) {
        return ours::be(side, dir, options.port.unwrap_or_default(), options.rounds);
    }
    let generator = Generator::start()?;
    let scratch = std::env::temp_dir().join(format!("ondol-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).context("no place to work")?;
    let mut measured = vec![ours::measure(&scratch, generator.port(), options.rounds)?];
    if !options.alone {
        match prometheus::measure(&scratch, generator.port(), options.rounds) {
            Ok(theirs) => measured.push(theirs),
            Err(error) => say::line(&format!("skipped: Prometheus: {error:#}")),
        }
    }
    for one in &measured {
        show(one);
    }
    let mut all = vec![serde_json::to_value(&measured)?];
    for side in [ours::Side::Lines, ours::Side::Spans] {
        let events = ours::measure_events(&scratch, side)?;
        show_events(&events);
        all.push(events);
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&all)? + "\n";
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    fs::remove_dir_all(&scratch).context("the place of work is left behind")
}

fn show_events(one: &Value) {
    say::line(&format!("Ondol, {}", one["name"]));
    if let Value::Object(all) = one {
        for (what, value) in all.iter().filter(|(what, _)| *what != "name") {
            say::line(&format!("  {what:<28}{value}"));
        }
    }
}

fn show(one: &Measured) {
    say::line(&format!("{}: {} samples", one.name, one.samples));
    let read = one
        .read_buckets_s
        .map_or("not measured".to_owned(), |s| format!("{s:.3} s"));
    for (what, value) in [
        ("CPU per sample", format!("{:.3} us", one.cpu_us_per_sample)),
        (
            "memory after the last scrape",
            format!("{:.1} MB", one.rss_mb),
        ),
        (
            "most memory, queries included",
            format!("{:.1} MB", one.rss_peak_mb),
        ),
        (
            "sealed bytes per sample",
            format!("{:.3}", one.sealed_bytes_per_sample),
        ),
        ("killed until it answers", format!("{:.3} s", one.restart_s)),
        ("all samples of 5,500 series read", read),
    ] {
        say::line(&format!("  {what:<36}{value:>14}"));
    }
    for (what, times) in [
        ("in memory", &one.queries_ms),
        ("on the disk", &one.sealed_queries_ms),
    ] {
        for (query, ms) in QUERIES.iter().zip(times) {
            let name = query.split('(').next().unwrap_or_default();
            say::line(&format!(
                "  {name} over {STEPS} steps, {what:<12}{ms:>14.1} ms"
            ));
        }
    }
}
