//! Processes on cores of their own, and what they cost.

use std::collections::BTreeSet;
use std::fs;
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bench::telemetry::memory_mb;
use crate::bench::usage;
use crate::clock::Stopwatch;

/// Before everybody else on the machine.
const NICE: &str = "-15";
const LEAVE: Duration = Duration::from_secs(3);

/// Where things run: the proxy alone on the first core, load and service on the others.
pub(super) struct Cores {
    pub(super) proxy: String,
    pub(super) pair: String,
    pub(super) others: String,
}

impl Cores {
    pub(super) fn here() -> Result<Self> {
        let count = thread::available_parallelism()?.get();
        anyhow::ensure!(
            count > 1,
            "one core is for the proxy, and at least another for the load"
        );
        Ok(Cores {
            proxy: "0".to_owned(),
            pair: "0,1".to_owned(),
            others: format!("1-{}", count - 1),
        })
    }
}

/// A process with its children; it ends with us.
pub(super) struct Running(Child);

impl Running {
    /// Starts it on `cores` only.
    pub(super) fn start(cores: &str, command: &Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", cores]).arg(command.get_program());
        pinned
            .args(command.get_args())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        Ok(Running(
            pinned
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("{program} could not be started"))?,
        ))
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    pub(super) fn id(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// It and its children.
    pub(super) fn pids(&self) -> Vec<i32> {
        tree(self.id())
    }

    pub(super) fn cpu_seconds(&self) -> f64 {
        usage::cpu_seconds(&self.pids())
    }

    pub(super) fn rss_mb(&self) -> f64 {
        self.pids()
            .into_iter()
            .map(|pid| memory_mb(pid, "VmRSS"))
            .sum()
    }

    pub(super) fn terminate(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(self.id()), Signal::SIGTERM)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let all = self.pids();
        let _ = self.terminate();
        let watch = Stopwatch::start();
        while matches!(self.0.try_wait(), Ok(None)) && watch.elapsed() < LEAVE {
            thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.0.try_wait(), Ok(None)) {
            for pid in all {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = self.0.wait();
        }
    }
}

fn tree(root: i32) -> Vec<i32> {
    let mut found = BTreeSet::from([root]);
    let mut left = vec![root];
    while let Some(pid) = left.pop() {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = text.split_whitespace().filter_map(|pid| pid.parse().ok());
            left.extend(children.filter(|pid| found.insert(*pid)));
        }
    }
    found.into_iter().collect()
}

/// Puts us, and those we start after that, before everybody else, where that is allowed: we are the node and the
/// client whose times are measured.
pub(super) fn go_first() {
    let mut renice = Command::new("renice");
    renice
        .args(["-n", NICE, "-p"])
        .arg(process::id().to_string());
    // Without it, times depend more on what else the machine does.
    let _ = renice.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Lets us and those we start open so many files, where that is allowed.
pub(super) fn allow_files(wanted: u64) {
    // What is allowed then is looked up by whoever needs it.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted);
}

/// Files that each of us may open.
pub(super) fn files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(now, _)| now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_counted_with_its_children_and_ends_with_us() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 77 & wait"]);
        let running = Running::start("0", &shell).unwrap();
        let watch = Stopwatch::start();
        while running.pids().len() < 2 && watch.elapsed() < LEAVE {
            thread::sleep(Duration::from_millis(5));
        }
        let pids = running.pids();
        assert_eq!(pids.len(), 2);
        assert!(running.rss_mb() > 0.1);
        kill(Pid::from_raw(pids[1]), Signal::SIGKILL).unwrap();
        drop(running);
        assert!(kill(Pid::from_raw(pids[0]), None).is_err());
    }
}
