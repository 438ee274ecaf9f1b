//! `cargo xtask soak`: traffic of all kinds for minutes, and whether the memory stays what it is.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use ondol_test::{Soak, verdict};

use crate::clock::Stopwatch;
use crate::{bench, say};

const PORT: u16 = 18_974;
const ROUND_SECONDS: u32 = 10;

#[derive(Args)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// A binary that is there already, instead of the release build.
    #[arg(long)]
    binary: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => bench::build()?,
    };
    let mut soak = Soak::start(&binary, PORT)?.context("there is nothing to soak with")?;
    let (watch, mut rounds) = (Stopwatch::start(), Vec::new());
    while watch.elapsed().as_secs() < options.minutes * 60 || rounds.len() < 2 {
        let round = soak.round(ROUND_SECONDS)?;
        say::line(&format!(
            "soak: {:4} s  {:8} requests  {} failed  {:.1} MB",
            watch.elapsed().as_secs(),
            round.requests,
            round.failed,
            round.memory_bytes as f64 / 1e6
        ));
        rounds.push(round);
    }
    soak.finish()?;
    verdict(&rounds)?;
    say::line("soak: every request of good clients was answered, and the memory is flat");
    Ok(())
}
