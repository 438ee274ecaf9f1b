//! Processes of one test, found by the folder they work on, and ended by id.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Every process that names `folder` in its arguments or environment, and everything below it.
/// A replica's own process starts from an empty environment, but is below its shim.
pub fn of_folder(folder: &Path) -> BTreeSet<i32> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let mut parents: BTreeMap<i32, i32> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let me = std::process::id().cast_signed();
    for pid in pids().filter(|pid| *pid != me) {
        parents.insert(pid, parent(pid).unwrap_or_default());
        let named = ["cmdline", "environ"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            bytes.windows(folder.len()).any(|part| part == folder)
        });
        if named {
            found.insert(pid);
        }
    }
    loop {
        let below: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if below.is_empty() {
            return found;
        }
        found.extend(below);
    }
}

/// Sends a signal; one that is gone already is fine.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if pid > 1 {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Whether it runs; one that ended and waits for its parent does not.
pub(crate) fn alive(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !stat.trim_start().starts_with('Z'))
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(pid: i32) -> Option<i32> {
    stat(pid)?.split_whitespace().nth(1)?.parse().ok()
}

/// What follows the name in `/proc/PID/stat`; the name itself may hold anything.
fn stat(pid: i32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::TestDir;

    #[test]
    fn a_process_and_what_is_below_it_are_found_by_folder_and_ended() {
        let folder = TestDir::new().unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", "env -i sleep 60 & wait", "sh"])
            .arg(folder.path())
            .spawn()
            .unwrap();
        let found = crate::wait_until("two processes", std::time::Duration::from_secs(5), || {
            Some(of_folder(folder.path())).filter(|found| found.len() == 2)
        })
        .unwrap();
        assert!(found.contains(&shell.id().cast_signed()));
        for pid in &found {
            signal(*pid, Signal::SIGKILL);
        }
        shell.wait().unwrap();
        assert!(!alive(shell.id().cast_signed()));
    }
}
