//! `cargo xtask ci`: the one command. Steps run from the cheapest to the dearest; one that fails does not hide the
//! others.

mod skipped;
mod tools;

use std::io;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

pub(crate) use self::tools::install_besides;
use crate::clock::Stopwatch;
use crate::{command, policy, say, sim, tidy, tree};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave a step out; may be given several times. A run with a step left out is not a pass.
    #[arg(long, value_enum)]
    skip: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Install what the tests need (Debian, as root).
    Tools,
    /// House rules.
    Tidy,
    /// Dependencies.
    Policy,
    /// Formatting.
    Fmt,
    /// Lints, all of them errors.
    Clippy,
    /// A simulation of some seeds.
    Sim,
    /// All tests of the workspace.
    Test,
}

const STEPS: [Step; 7] = [
    Step::Tools,
    Step::Fmt,
    Step::Tidy,
    Step::Policy,
    Step::Clippy,
    Step::Sim,
    Step::Test,
];

/// All steps, and how long each took.
pub(crate) fn run(options: &Options) -> Result<()> {
    let whole = Stopwatch::start();
    let (mut left_out, mut failed) = (Vec::new(), Vec::new());
    for step in STEPS {
        let name = step
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned());
        if options.skip.contains(&step) {
            left_out.push(name);
            continue;
        }
        say::line(&format!("\n== {name}"));
        let watch = Stopwatch::start();
        let done = perform(step);
        let seconds = watch.elapsed().as_secs_f64();
        match done {
            Ok(()) => say::line(&format!("== {name}: ok, {seconds:.1} s")),
            Err(error) => {
                say::line(&format!("== {name}: FAILED, {seconds:.1} s: {error:#}"));
                failed.push(name);
            }
        }
    }
    let seconds = whole.elapsed().as_secs_f64();
    if !failed.is_empty() {
        bail!(
            "after {seconds:.0} s, these do not hold: {}",
            failed.join(", ")
        );
    }
    if left_out.is_empty() {
        say::line(&format!("\nci: everything holds, {seconds:.0} s"));
    } else {
        say::line(&format!(
            "\nci: what was run holds, {seconds:.0} s; left out on request: {}",
            left_out.join(", ")
        ));
    }
    Ok(())
}

fn perform(step: Step) -> Result<()> {
    let root = tree::root();
    let cargo = |arguments: &[&str]| command::cargo(&root, arguments);
    match step {
        Step::Tools => tools::install(),
        Step::Fmt => command::run(&mut cargo(&["fmt", "--all", "--check"])),
        Step::Tidy => tidy::run(),
        Step::Policy => policy::run(),
        Step::Clippy => command::run(&mut cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ])),
        Step::Sim => sim::run(&sim::SMOKE),
        Step::Test => test(&mut cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--",
            // What a test that passed has said: that it was skipped, perhaps.
            "--show-output",
        ])),
    }
}

/// Data of other projects, which is never copied into this one and cannot be installed.
const ELSEWHERE: &str = "conformance data not here";

/// Where everything can be installed, a test that says `skipped:` has failed.
fn test(tests: &mut std::process::Command) -> Result<()> {
    let skipped = skipped::run_and_collect(tests, io::stdout(), io::stderr())?;
    if skipped.is_empty() {
        return Ok(());
    }
    say::line(&format!("\n{} skipped:", skipped.len()));
    for line in &skipped {
        say::line(&format!("  {line}"));
    }
    let avoidable = skipped.iter().filter(|why| *why != ELSEWHERE).count();
    if tools::can_install() && avoidable > 0 {
        bail!("{avoidable} skipped on a machine that can have everything; expected none");
    }
    Ok(())
}
