//! Runs the tests with their output passing through, and keeps what they say they skipped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;

const MARK: &str = "skipped: ";

/// Runs `tests`, passes on to `out` what it prints, and returns the reasons of tests that were skipped.
pub(crate) fn run_and_collect(tests: &mut Command, out: &mut impl Write) -> Result<Vec<String>> {
    let shown = command::shown(tests);
    writeln!(out, "$ {shown}")?;
    let mut child = tests
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` could not be started"))?;
    let mut skipped = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            out.write_all(&line)?;
            out.flush()?;
            skipped.extend(reason(&String::from_utf8_lossy(&line)));
            line.clear();
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
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

    #[test]
    fn a_skipped_test_is_seen_and_its_output_passes() {
        let mut tests = Command::new("sh");
        tests.args(["-c", "echo 'test a ... skipped: no chromium'; echo 'skipped: no wrk'; echo 'what was skipped: nothing'"]);
        let mut out = Vec::new();
        assert_eq!(
            run_and_collect(&mut tests, &mut out).unwrap(),
            ["no chromium", "no wrk"]
        );
        assert!(
            String::from_utf8(out)
                .unwrap()
                .ends_with("what was skipped: nothing\n")
        );
    }

    #[test]
    fn a_failed_run_is_an_error() {
        let mut tests = Command::new("sh");
        tests.args(["-c", "exit 101"]);
        assert!(run_and_collect(&mut tests, &mut Vec::new()).is_err());
    }
}
