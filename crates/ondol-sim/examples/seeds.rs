//! Plays seeds: `seeds [START [SEEDS [STEPS]]]`.

use std::io::Write;

use ondol_sim::{Options, run};

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|word| word.parse().unwrap_or(0));
    let report = run(Options {
        start_seed: numbers.next().unwrap_or(1),
        seeds: numbers.next().unwrap_or(1000),
        steps: u32::try_from(numbers.next().unwrap_or(1000)).unwrap_or(1000),
        threads: 2,
    });
    let mut out = std::io::stdout().lock();
    for failure in &report.failures {
        writeln!(out, "{}", failure.story)?;
    }
    writeln!(
        out,
        "{} seeds, {} steps, {} failed",
        report.seeds,
        report.steps,
        report.failures.len()
    )
}
