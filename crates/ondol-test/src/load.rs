//! Load by wrk, a client that is not ours, and what came of it.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tool;

/// Requests that are being sent.
#[derive(Debug)]
pub struct Load(Option<Child>);

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Answers of any status.
    pub requests: u64,
    /// Connections that failed to open, broke, or went silent.
    pub socket_errors: u64,
    /// Those of them that failed to open.
    pub refused: u64,
    /// Answers that were neither 2xx nor 3xx.
    pub bad_answers: u64,
}

impl LoadReport {
    /// Requests that a person would call failed.
    pub fn failed(&self) -> u64 {
        self.socket_errors + self.bad_answers
    }
}

impl Load {
    /// Sends `GET` to `url` over this many connections that are kept open, for a whole number of seconds.
    /// `None`, and the test is skipped, where there is no wrk.
    pub fn start(url: &str, connections: u32, seconds: u32) -> Result<Option<Self>> {
        let Some(wrk) = tool::program("wrk") else {
            return Ok(None);
        };
        let child = Command::new(wrk)
            .args([
                "-t1",
                "--timeout",
                "10s",
                &format!("-c{connections}"),
                &format!("-d{seconds}s"),
                url,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("wrk could not be started")?;
        Ok(Some(Load(Some(child))))
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Result<LoadReport> {
        let child = self.0.take().context("wrk was already waited for")?;
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "wrk ended with {}: {text}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        parse(&text).with_context(|| format!("wrk printed something unexpected: {text}"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn parse(text: &str) -> Option<LoadReport> {
    let mut report = LoadReport::default();
    let mut complete = false;
    for line in text.lines().map(str::trim) {
        if let Some((requests, _)) = line.split_once(" requests in ") {
            report.requests = requests.parse().ok()?;
            complete = true;
        } else if let Some(kinds) = line.strip_prefix("Socket errors: ") {
            for kind in kinds.split(", ") {
                let (name, count) = kind.split_once(' ')?;
                let count: u64 = count.parse().ok()?;
                report.socket_errors += count;
                if name == "connect" {
                    report.refused = count;
                }
            }
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses: ") {
            report.bad_answers = count.parse().ok()?;
        }
    }
    complete.then_some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_every_kind_are_counted() {
        let text = "\
Running 1s test @ http://127.0.0.1:1/
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
  31415 requests in 1.00s, 2.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:  31415.00
";
        let report = parse(text).unwrap();
        assert_eq!(
            report,
            LoadReport {
                requests: 31415,
                socket_errors: 6,
                refused: 1,
                bad_answers: 7
            }
        );
        assert_eq!(report.failed(), 13);
        assert_eq!(
            parse("  12 requests in 1.00s, 2.00MB read\n")
                .unwrap()
                .failed(),
            0
        );
        assert_eq!(parse("unable to connect"), None);
    }
}
