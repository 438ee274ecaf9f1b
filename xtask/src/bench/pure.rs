//! What needs no process: placement and the simulator. Measured in a build for speed, as the product is.

use anyhow::{Context, Result};
use clap::ValueEnum;
use ondol_control::Fleet;
use ondol_model::{Bytes, Capacity, Demand};

use crate::clock::Stopwatch;
use crate::{command, say, sim, tree};

use super::samples::Samples;

const MACHINES: usize = 1_000;
const PLACEMENTS: u32 = 10_000;

/// One of them.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Pure {
    /// Placements a second.
    Placement,
    /// Seconds for all seeds.
    Sim,
}

/// Builds this program for speed and asks it. The simulator, which takes long and varies little, is asked once.
pub(crate) fn measure(rounds: u32) -> Samples {
    let mut samples = Samples::default();
    let asked = (0..rounds).map(|_| "placement").chain(["sim"]);
    for key in asked {
        let arguments = [
            "run",
            "--release",
            "--quiet",
            "--locked",
            "--package=xtask",
            "--",
            "bench",
            "pure",
            key,
        ];
        let printed = command::output(&mut command::cargo(&tree::root(), arguments));
        match printed.and_then(|text| {
            text.trim()
                .parse()
                .with_context(|| format!("`{text}` is no number"))
        }) {
            Ok(value) => samples.add(key, value),
            Err(error) => say::line(&format!("bench: {key}: {error:#}")),
        }
    }
    samples
}

/// Measures and prints the number alone.
pub(crate) fn print(what: Pure) -> Result<()> {
    let value = match what {
        Pure::Placement => {
            let watch = Stopwatch::start();
            let placed = place();
            anyhow::ensure!(placed == PLACEMENTS, "{placed} of {PLACEMENTS} were placed");
            f64::from(PLACEMENTS) / watch.elapsed().as_secs_f64()
        }
        Pure::Sim => sim::timed(&sim::Options {
            seeds: 10_000,
            steps: 1_000,
            start_seed: 1,
        })?,
    };
    say::line(&value.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_fits_is_placed() {
        assert_eq!(place(), PLACEMENTS);
    }
}
