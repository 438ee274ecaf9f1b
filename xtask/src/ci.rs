//! `cargo xtask ci`: the one command. Steps run from the cheapest to the dearest; the first that fails ends the run.

mod skipped;
mod tools;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::clock::Stopwatch;
use crate::{command, policy, say, tidy, tree};

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
    /// All tests of the workspace.
    Test,
}

const STEPS: [Step; 6] = [
    Step::Tools,
    Step::Fmt,
    Step::Tidy,
    Step::Policy,
    Step::Clippy,
    Step::Test,
];

/// All steps, and how long each took.
pub(crate) fn run(options: &Options) -> Result<()> {
    let whole = Stopwatch::start();
    let mut left_out = Vec::new();
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
        perform(step)?;
        say::line(&format!(
            "== {name}: ok, {:.1} s",
            watch.elapsed().as_secs_f64()
        ));
    }
    let seconds = whole.elapsed().as_secs_f64();
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
        Step::Test => test(&mut cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--no-fail-fast",
        ])),
    }
}

/// Where everything can be installed, a test that says `skipped:` has failed.
fn test(tests: &mut std::process::Command) -> Result<()> {
    let skipped = skipped::run_and_collect(tests, &mut std::io::stdout())?;
    if skipped.is_empty() {
        return Ok(());
    }
    say::line(&format!("\n{} skipped:", skipped.len()));
    for line in &skipped {
        say::line(&format!("  {line}"));
    }
    if tools::can_install() {
        bail!(
            "{} skipped on a machine that can have everything; expected none",
            skipped.len()
        );
    }
    Ok(())
}
