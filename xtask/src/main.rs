//! All automation of the project. `cargo xtask ci` is the one command that says whether a tree is good.

mod bench;
mod ci;
mod clock;
mod command;
mod metadata;
mod openmetrics;
mod policy;
mod promqltest;
mod say;
mod sim;
mod soak;
mod tidy;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "All automation of the project.")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Everything that must hold before a change lands.
    Ci(ci::Options),
    /// The control core in a simulated world with faults.
    Sim(sim::Options),
    /// Traffic of all kinds for minutes, and whether the memory stays what it is.
    Soak(soak::Options),
    /// Speed and memory beside others, against the goals.
    Bench(bench::Options),
    /// The cases of the OpenMetrics project in a folder, and how many pass.
    Openmetrics(openmetrics::Options),
    /// Test scripts of Prometheus for its query language in a folder, and how many cases pass.
    Promqltest(promqltest::Options),
    /// House rules that no compiler checks.
    Tidy,
    /// Licences, sources, bans and duplicates of all dependencies, as deny.toml wants them.
    Policy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Ci(options) => ci::run(&options),
        Verb::Sim(options) => sim::run(&options),
        Verb::Bench(options) => bench::run(&options),
        Verb::Soak(options) => soak::run(&options),
        Verb::Openmetrics(options) => openmetrics::run(&options),
        Verb::Promqltest(options) => promqltest::run(&options),
        Verb::Tidy => tidy::run(),
        Verb::Policy => policy::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
