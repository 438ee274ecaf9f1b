//! `cargo xtask promqltest DIR`: test scripts of Prometheus' own language for them (`*.test`), each `eval` a case.

mod buckets;
mod compare;
mod evaluation;
mod expectation;
mod script;
mod starts;
mod store;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::say;
use script::{Command, Script};
use store::Store;

#[derive(Args)]
pub(crate) struct Options {
    /// The folder of the scripts.
    dir: PathBuf,
    /// For each case that fails, what was expected and what came.
    #[arg(long)]
    verbose: bool,
}

/// How many cases passed, of how many, and why the others did not.
struct Score {
    passed: usize,
    failures: Vec<String>,
}

impl Score {
    const fn all(&self) -> usize {
        self.passed + self.failures.len()
    }
}

/// Runs each script; all cases must pass.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (mut passed, mut all) = (0, 0);
    for path in scripts(&options.dir)? {
        let score = score(&path)?;
        let name = path.file_name().unwrap_or_default().display().to_string();
        say::line(&format!(
            "{name}: passed {} of {}",
            score.passed,
            score.all()
        ));
        if options.verbose {
            score.failures.iter().for_each(|failure| say::line(failure));
        }
        passed += score.passed;
        all += score.all();
    }
    ensure!(all > 0, "no scripts in {}", options.dir.display());
    // The last line, also when some fail.
    say::line(&format!("passed {passed} of {all}"));
    if passed < all {
        std::process::exit(1);
    }
    Ok(())
}

fn scripts(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "test")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn score(path: &Path) -> Result<Score> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let script = Script::parse(&text);
    let mut store = Store::default();
    let mut score = Score {
        passed: 0,
        failures: Vec::new(),
    };
    for (line, command) in script.commands {
        let done = match command {
            Command::Clear => {
                store = Store::default();
                continue;
            }
            Command::Load(load) => {
                store
                    .load(load)
                    .with_context(|| format!("{}:{line}", path.display()))?;
                continue;
            }
            Command::Eval(eval) => evaluation::run(&eval, &store),
            Command::Wrong(reason) => Err(reason),
        };
        match done {
            Ok(()) => score.passed += 1,
            Err(reason) => score
                .failures
                .push(format!("FAILED {}:{line}: {reason}", path.display())),
        }
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_scripts_of_the_conformance_data_pass() {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
        let dir = std::env::var_os("ONDOL_CONFORMANCE").map_or(beside, PathBuf::from);
        let dir = dir.join("promql");
        if !dir.is_dir() {
            say::line("skipped: conformance data not here");
            return;
        }
        for path in scripts(&dir).unwrap() {
            let score = score(&path).unwrap();
            assert!(score.failures.is_empty(), "{}", score.failures.join("\n"));
        }
    }

    #[test]
    fn a_case_that_is_wrong_fails() {
        let script =
            "load 1m\n  a 1 2\n\neval instant at 1m a\n  a 2\n\neval instant at 1m a\n  a 3\n";
        let parsed = Script::parse(script);
        let mut store = Store::default();
        let mut results = Vec::new();
        for (_, command) in parsed.commands {
            match command {
                Command::Load(load) => store.load(load).unwrap(),
                Command::Eval(eval) => results.push(evaluation::run(&eval, &store).is_ok()),
                Command::Clear | Command::Wrong(_) => panic!("not in this script"),
            }
        }
        assert_eq!(results, [true, false]);
    }
}
