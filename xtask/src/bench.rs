//! `cargo xtask bench run`: Ondol beside what people would otherwise install for the same job, measured the same way.

mod docker;
mod marked;
mod ondol;
mod programs;
mod proxy;
mod pure;
mod row;
mod samples;
mod table;
mod telemetry;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::{command, say, tree};

use self::row::{ROWS, Row};
use self::samples::Samples;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure everything and print the table.
    Run(RunOptions),
    /// The data plane beside nginx, HAProxy, Varnish and Caddy, and what change under load does to it.
    Proxy(proxy::Options),
    /// The stores of telemetry under made workloads, beside Debian's Prometheus. Build with `--release` for figures.
    Telemetry(telemetry::Options),
    /// What needs no process: measured inside this one, which is built for speed then.
    #[command(hide = true)]
    Pure {
        #[arg(value_enum)]
        what: pure::Pure,
    },
}

#[derive(Args)]
struct RunOptions {
    /// Write the rows as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the table into this page, between its two markers.
    #[arg(long)]
    page: Option<PathBuf>,
    /// How often each thing is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Leave the others out.
    #[arg(long)]
    alone: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::Run(options) => run_all(options),
        Verb::Proxy(options) => proxy::run(options),
        Verb::Telemetry(options) => telemetry::run(options),
        Verb::Pure { what } => pure::print(*what),
    }
}

fn run_all(options: &RunOptions) -> Result<()> {
    let binary = build()?;
    let ours = ondol::measure(&binary, options.rounds);
    let ours = ours.and(pure::measure(options.rounds));
    let theirs = if options.alone {
        Samples::default()
    } else {
        docker::measure(options.rounds)
    };
    let rows: Vec<Row> = ROWS
        .iter()
        .map(|spec| Row::of(spec, &ours, &theirs))
        .collect();
    let table = table::markdown(&rows);
    say::line(&table);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &options.page {
        table::write_into(path, "bench", &table)?;
    }
    Ok(())
}

/// The binary as people get it.
pub(crate) fn build() -> Result<PathBuf> {
    let mut build = command::cargo(
        &tree::root(),
        [
            "build",
            "--release",
            "--locked",
            "--package=ondol",
            "--message-format=json-render-diagnostics",
        ],
    );
    let messages = command::output(build.stderr(Stdio::inherit()))?;
    let mut made = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let named = message["target"]["name"] == "ondol";
        named.then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    made.next_back().context("cargo built no `ondol`")
}
