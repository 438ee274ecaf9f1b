//! `cargo xtask sim`: the control core in a world of seeded faults. A failing seed is told as its shortest story.

use std::num::NonZero;
use std::thread;

use anyhow::{Result, bail};
use clap::Args;

use crate::clock::Stopwatch;
use crate::say;

#[derive(Args)]
pub(crate) struct Options {
    /// How many seeds are played.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) seeds: u64,
    /// Steps of each.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) steps: u32,
    /// The first seed; with `--seeds 1`, the one to look at.
    #[arg(long, alias = "seed", default_value_t = 1)]
    pub(crate) start_seed: u64,
}

/// What a run of every change plays.
pub(crate) const SMOKE: Options = Options {
    seeds: 1_000,
    steps: 1_000,
    start_seed: 1,
};

pub(crate) fn run(options: &Options) -> Result<()> {
    let watch = Stopwatch::start();
    let report = play(options);
    for failure in &report.failures {
        say::line(&format!("seed {}:\n{}", failure.seed, failure.story));
    }
    let seconds = watch.elapsed().as_secs_f64();
    if report.failures.is_empty() {
        say::line(&format!(
            "sim: {} seeds, {} steps, all safe and at rest, {seconds:.1} s",
            report.seeds, report.steps
        ));
        return Ok(());
    }
    bail!("{} of {} seeds failed", report.failures.len(), report.seeds)
}

/// Seconds that so many seeds take; an error when one fails.
pub(crate) fn timed(options: &Options) -> Result<f64> {
    let watch = Stopwatch::start();
    let report = play(options);
    if let Some(failure) = report.failures.first() {
        bail!("seed {} failed: {}", failure.seed, failure.story);
    }
    Ok(watch.elapsed().as_secs_f64())
}

fn play(options: &Options) -> ondol_sim::Report {
    ondol_sim::run(ondol_sim::Options {
        seeds: options.seeds,
        steps: options.steps,
        start_seed: options.start_seed,
        threads: thread::available_parallelism().map_or(1, NonZero::get),
    })
}
