//! Runs the tests with their output passing through, and keeps what they say they skipped.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::command;

const MARK: &str = "skipped: ";

/// Runs `tests`, passes on what it prints, and returns the reasons of tests that were skipped.
pub(crate) fn run_and_collect(
    tests: &mut Command,
    mut out: impl Write,
    err: impl Write + Send,
) -> Result<Vec<String>> {
    let shown = command::shown(tests);
    writeln!(out, "$ {shown}")?;
    let mut child = tests
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` could not be started"))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let skipped = thread::scope(|scope| {
        let talk = scope.spawn(|| pass_on(stderr, err));
        let mut skipped = pass_on(stdout, out)?;
        skipped.extend(
            talk.join()
                .map_err(|_| anyhow!("reading standard error failed"))??,
        );
        Ok::<_, anyhow::Error>(skipped)
    })?;
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(skipped)
}

fn pass_on(from: impl Read, mut to: impl Write) -> Result<Vec<String>> {
    let mut from = BufReader::new(from);
    let (mut line, mut skipped) = (Vec::new(), Vec::new());
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        skipped.extend(reason(&String::from_utf8_lossy(&line)));
        line.clear();
    }
    Ok(skipped)
}

/// The test runner may have written `test name ... ` before it on the same line.
fn reason(line: &str) -> Option<String> {
    let (before, reason) = line.split_once(MARK)?;
    (before.is_empty() || before.starts_with("test ")).then(|| reason.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> (Result<Vec<String>>, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let skipped = run_and_collect(Command::new("sh").args(["-c", script]), &mut out, &mut err);
        (
            skipped,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn a_skipped_test_is_seen_on_either_output_and_what_it_says_passes() {
        let (skipped, out, err) = run(
            "echo 'test a ... skipped: no chromium'; echo 'what was skipped: nothing'; echo 'skipped: no wrk' >&2",
        );
        assert_eq!(skipped.unwrap(), ["no chromium", "no wrk"]);
        assert!(out.ends_with("what was skipped: nothing\n"));
        assert_eq!(err, "skipped: no wrk\n");
    }

    #[test]
    fn a_failed_run_is_an_error() {
        assert!(run("exit 101").0.is_err());
    }
}
