//! The processes that are started, found by an argument that nothing else has: the same eye for every platform.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::Stopwatch;

const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(120);

/// `busybox sleep <seconds>`, with a number of seconds that is ours alone.
pub(crate) struct Marked(pub(crate) u32);

impl Marked {
    pub(crate) fn command(&self) -> String {
        format!("[\"busybox\", \"sleep\", \"{}\"]", self.0)
    }

    pub(crate) fn running(&self) -> BTreeSet<i32> {
        pids().into_iter().filter(|pid| self.is(*pid)).collect()
    }

    /// Waits until `count` run and returns the seconds since `watch` started.
    pub(crate) fn wait_for(&self, count: usize, watch: &Stopwatch) -> Result<f64> {
        loop {
            let running = self.running().len();
            if running == count {
                return Ok(watch.elapsed().as_secs_f64());
            }
            if watch.elapsed() > PATIENCE {
                bail!("{running} of {count} processes run after {PATIENCE:?}");
            }
            thread::sleep(LOOK);
        }
    }

    /// `kill -9` of this one, and the seconds until another runs.
    pub(crate) fn replaced(&self, victim: i32) -> Result<f64> {
        let before = pids();
        let watch = Stopwatch::start();
        kill(Pid::from_raw(victim), Signal::SIGKILL)?;
        loop {
            // Only what was started since can be the next one, so a look is cheap.
            if pids().difference(&before).any(|pid| self.is(*pid)) {
                return Ok(watch.elapsed().as_secs_f64());
            }
            if watch.elapsed() > PATIENCE {
                bail!("a killed process was not replaced within {PATIENCE:?}");
            }
            thread::sleep(LOOK / 4);
        }
    }

    fn is(&self, pid: i32) -> bool {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.ends_with(format!("sleep\0{}\0", self.0).as_bytes())
    }
}

fn pids() -> BTreeSet<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_seen_and_its_replacement_is_timed() {
        let marked = Marked(86_123_401);
        let mut first = Command::new("sleep").arg("86123401").spawn().unwrap();
        marked.wait_for(1, &Stopwatch::start()).unwrap();
        let victim = *marked.running().first().unwrap();
        let next = thread::spawn(|| {
            thread::sleep(Duration::from_millis(50));
            Command::new("sleep").arg("86123401").spawn().unwrap()
        });
        let seconds = marked.replaced(victim).unwrap();
        assert!((0.04..5.0).contains(&seconds), "{seconds}");
        first.wait().unwrap();
        let mut next = next.join().unwrap();
        next.kill().unwrap();
        next.wait().unwrap();
    }
}
