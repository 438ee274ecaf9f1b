//! A process that is measured: started, asked by HTTP, killed.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::http;
use crate::bench::usage::cpu_seconds;
use crate::clock::Stopwatch;

const PATIENCE: Duration = Duration::from_secs(60);

/// How it is started, and where it answers.
pub(super) struct Server {
    pub(super) command: Command,
    pub(super) port: u16,
    /// What is answered once it can be used.
    pub(super) ready: &'static str,
}

/// One that runs; killed when nobody looks at it any more, also after an error.
pub(super) struct Running {
    child: Child,
    port: u16,
}

impl Server {
    /// Until it answers.
    pub(super) fn start(&mut self) -> Result<Running> {
        let program = self.command.get_program().to_owned();
        let child = (self.command.stdin(Stdio::piped()).stdout(Stdio::null()))
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let running = Running {
            child,
            port: self.port,
        };
        running.wait(self.ready, |_| true)?;
        Ok(running)
    }
}

impl Running {
    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Seconds on a CPU so far.
    pub(super) fn cpu_s(&self) -> f64 {
        cpu_seconds(&[self.pid()])
    }

    /// Asks until the answer is good; the seconds that it took.
    pub(super) fn wait(&self, path: &str, is_good: impl Fn(&[u8]) -> bool) -> Result<f64> {
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if http::ask(self.port, path).is_ok_and(|answer| is_good(&answer)) {
                return Ok(watch.elapsed().as_secs_f64());
            }
            thread::sleep(Duration::from_millis(2));
        }
        bail!("`{path}` is not answered after {PATIENCE:?}")
    }

    /// The fastest of several answers, in milliseconds: others work on the machine too.
    pub(super) fn fastest_ms(&self, path: &str, least_bytes: usize) -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..7 {
            let watch = Stopwatch::start();
            let answer = http::ask(self.port, path)?;
            times.push(watch.elapsed().as_secs_f64() * 1e3);
            if answer.len() < least_bytes {
                bail!(
                    "`{path}` found nothing: {}",
                    String::from_utf8_lossy(&answer)
                );
            }
        }
        times.into_iter().reduce(f64::min).context("never asked")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A line of `/proc/PID/status`, in MB.
pub(in crate::bench) fn memory_mb(pid: i32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kb = status.lines().find_map(|text| {
        let (name, value) = text.split_once(':')?;
        (name == line).then(|| value.trim().trim_end_matches(" kB").parse::<f64>().ok())?
    });
    kb.unwrap_or_default() / 1024.0
}
