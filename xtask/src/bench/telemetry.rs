//! `cargo xtask bench telemetry`: the telemetry of a node under made workloads, asked and given everything through its
//! HTTP port as a user would, beside Debian's Prometheus, which scrapes the same pages at the same time.
//!
//! M1: 5 targets of 2,000 series, scraped each second. L1: 600,000 log lines of 84 MB, by Loki push. T1: 200,000 spans,
//! by OTLP. Then all three at once, on top of what M1 left.

mod generator;
mod http;
mod lines;
mod metrics;
mod ours;
mod prometheus;
mod protobuf;
mod rows;
mod server;
mod spans;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::generator::Generator;
use self::ours::Kind;
use self::rows::ROWS;
use super::row::Row;
use super::samples::Samples;
use super::{table, usage};
use crate::say;

pub(super) use self::server::memory_mb;

/// Where the table stands in a page.
const MARKER: &str = "bench telemetry";
/// Nothing happens so long before idle memory is read.
const IDLE: Duration = Duration::from_secs(10);

/// Until memory that is due is written, and what was written is merged.
const SETTLE: Duration = Duration::from_secs(3);
/// Services that lines and spans are of.
const SERVICES: [&str; 8] = [
    "gateway", "cart", "catalog", "payment", "mail", "history", "users", "search",
];

#[derive(Args)]
pub(crate) struct Options {
    /// Write the rows as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the table into this page, between its two markers.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Scrapes of each target, a second apart.
    #[arg(long, default_value_t = 170)]
    rounds: u32,
    /// Leave Prometheus out.
    #[arg(long)]
    alone: bool,
    /// Only rows whose keys begin so: idle, m1, l1, t1, all.
    #[arg(long)]
    only: Vec<String>,
    #[command(flatten)]
    serve: ours::Serve,
}

impl Options {
    fn wants(&self, key: &str) -> bool {
        let is_said = |start: &String| key.starts_with(start.as_str());
        self.only.is_empty() || self.only.iter().any(is_said)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(dir) = &options.serve.dir {
        return ours::be(dir, &options.serve);
    }
    let scratch = std::env::temp_dir().join(format!("ondol-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).context("no place to work")?;
    let measured = measure(options, &scratch);
    fs::remove_dir_all(&scratch).context("the place of work is left behind")?;
    let (ours, theirs) = measured?;
    let wanted = ROWS.iter().filter(|spec| options.wants(spec.key));
    let rows: Vec<Row> = wanted.map(|spec| Row::of(spec, &ours, &theirs)).collect();
    let table = table::markdown(&rows);
    say::line(&table);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &options.page {
        table::write_into(path, MARKER, &table)?;
    }
    Ok(())
}

fn measure(options: &Options, scratch: &Path) -> Result<(Samples, Samples)> {
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    if options.wants("idle") {
        idle(scratch, &mut ours)?;
    }
    if options.wants("l1") {
        lines::measure(&scratch.join("lines"), &mut ours)?;
    }
    if options.wants("t1") {
        spans::measure(&scratch.join("spans"), &mut ours)?;
    }
    if options.wants("m1") || options.wants("all") {
        let generator = Generator::start()?;
        let dir = scratch.join("metrics");
        let node = ours::server(&dir, generator.port())?;
        let peer = prometheus::server(&scratch.join("prometheus"), generator.port());
        metrics::measure(node, peer, options, &mut ours, &mut theirs)?;
        if options.wants("all") {
            all_at_once(&dir, generator.port(), &mut ours)?;
        }
        let (bytes, samples) = ours::sealed(&dir, Kind::Samples)?;
        ours.add("m1_bytes", bytes / samples);
    }
    Ok((ours, theirs))
}

/// What is added to a process by the telemetry of a node that nobody brings anything to.
fn idle(scratch: &Path, ours: &mut Samples) -> Result<()> {
    let dir = scratch.join("idle");
    let node = ours::server(&dir, 0)?.start()?;
    let pids = [node.pid()];
    thread::sleep(IDLE);
    say::line(&format!(
        "bench: idle: PSS {:.1} MB in all",
        usage::pss_mb(&pids)
    ));
    let before_mb = ours::before_mb(&dir)?;
    ours.add("idle", memory_mb(node.pid(), "VmRSS") - before_mb);
    Ok(())
}

/// Scrapes go on while lines and spans come as fast as they are taken, and then everything is asked.
fn all_at_once(dir: &Path, port: u16, ours: &mut Samples) -> Result<()> {
    say::line("bench: all at once");
    let node = ours::server(dir, port)?.start()?;
    thread::scope(|scope| {
        let pushed = [
            scope.spawn(|| lines::push(&node).map(drop)),
            scope.spawn(|| spans::push(&node).map(drop)),
        ];
        pushed.into_iter().try_for_each(|pushing| {
            let done = pushing.join().ok().context("a pushing thread panicked")?;
            done.map(drop)
        })
    })?;
    metrics::ask(&node)?;
    lines::ask(&node)?;
    spans::ask(&node)?;
    ours.add("all_rss", memory_mb(node.pid(), "VmHWM"));
    Ok(())
}

fn settle() {
    thread::sleep(SETTLE);
}
