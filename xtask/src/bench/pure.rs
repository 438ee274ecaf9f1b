//! What needs no process: placement and the simulator. Measured in a build for speed, as the product is.

use anyhow::{Context, Result};
use ondol_control::Fleet;
use ondol_model::{Bytes, Capacity, Demand};

use crate::clock::Stopwatch;
use crate::{command, say, sim, tree};

use super::samples::Samples;

const MACHINES: usize = 1_000;
const PLACEMENTS: u32 = 10_000;

/// Builds this program for speed and asks it.
pub(crate) fn measure(rounds: u32) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..rounds {
        let mut run = command::cargo(
            &tree::root(),
            [
                "run",
                "--release",
                "--quiet",
                "--locked",
                "--package=xtask",
                "--",
                "bench",
                "pure",
            ],
        );
        match command::output(&mut run).and_then(|printed| read(&printed)) {
            Ok(seen) => samples = samples.and(seen),
            Err(error) => say::line(&format!("bench: placement and simulator: {error:#}")),
        }
    }
    samples
}

/// One `key value` per line.
pub(crate) fn print() -> Result<()> {
    let watch = Stopwatch::start();
    let placed = place();
    anyhow::ensure!(placed == PLACEMENTS, "{placed} of {PLACEMENTS} were placed");
    say::line(&format!(
        "placement {}",
        f64::from(PLACEMENTS) / watch.elapsed().as_secs_f64()
    ));
    say::line(&format!(
        "sim {}",
        sim::timed(&sim::Options {
            seeds: 10_000,
            steps: 1_000,
            start_seed: 1,
        })?
    ));
    Ok(())
}

/// Machines of two kinds, and replicas of four sizes that all fit.
fn place() -> u32 {
    let machine = |at: usize| Capacity {
        cpu_milli: if at.is_multiple_of(2) { 4_000 } else { 8_000 },
        memory: Bytes(16 << 30),
    };
    let mut fleet = Fleet::new((0..MACHINES).map(machine));
    let sizes = [(100, 128), (250, 256), (500, 512), (1_000, 1_024)];
    let demands = (0..PLACEMENTS as usize).map(|at| {
        let (cpu_milli, megabytes) = sizes[at % sizes.len()];
        Demand {
            cpu_milli,
            memory: Bytes(megabytes << 20),
        }
    });
    demands
        .filter_map(|demand| fleet.place(demand))
        .map(|_| 1)
        .sum()
}

fn read(printed: &str) -> Result<Samples> {
    let mut samples = Samples::default();
    for line in printed.lines() {
        let (key, value) = line
            .split_once(' ')
            .with_context(|| format!("`{line}` is no `key value`"))?;
        samples.add(
            key,
            value
                .parse()
                .with_context(|| format!("`{value}` is no number"))?,
        );
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_fits_is_placed() {
        assert_eq!(place(), PLACEMENTS);
    }
}
