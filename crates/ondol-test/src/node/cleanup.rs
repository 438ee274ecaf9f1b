//! What is done for a test that failed: show what was said, and leave nothing behind.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{processes, wait_until};

const LINES: usize = 40;

/// The last lines of the node, the proxy and every replica.
pub(crate) fn logs(state: &Path) -> String {
    let mut files = Vec::new();
    collect(state, &mut files);
    let mut text = String::new();
    for file in files {
        let name = file.strip_prefix(state).unwrap_or(&file);
        text.push_str(&format!("--- {}\n", name.display()));
        let lines = readable(&fs::read(&file).unwrap_or_default());
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            text.push_str(&format!("{line}\n"));
        }
    }
    text
}

/// What a person can read in a file: segments of logs have frames between their lines.
fn readable(bytes: &[u8]) -> Vec<String> {
    const WORD: usize = 4;
    String::from_utf8_lossy(bytes)
        .split(|c: char| (c.is_control() && c != '\t') || c == char::REPLACEMENT_CHARACTER)
        .filter(|text| text.chars().count() >= WORD)
        .map(str::to_owned)
        .collect()
}

/// Past the test runner's capture: the runner has let go of a failed test by now.
pub(crate) fn show(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Ends every process that works on this state folder.
pub fn end_all(state: &Path) {
    // A supervisor that sees its child die may start another, so look until there is nobody.
    let _ = wait_until(
        "the processes of a test to end",
        Duration::from_secs(10),
        || {
            let left = processes::of_folder(state);
            for pid in &left {
                processes::signal(*pid, Signal::SIGKILL);
            }
            left.iter().all(|pid| !processes::alive(*pid)).then_some(())
        },
    );
}

/// Takes away what was mounted below the state folder, the innermost first.
pub fn unmount_all(state: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    let mut ours: Vec<PathBuf> = points.filter(|point| point.starts_with(state)).collect();
    ours.sort();
    for point in ours.iter().rev() {
        let _ = Command::new("umount").arg("-l").arg(point).output();
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // Volumes, packages and layers hold no logs of ours and can be large.
    const ELSEWHERE: [&str; 5] = ["volumes", "packages", "prepared", "upper", "work"];
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let log = path.extension().is_some_and(|extension| extension == "log");
        if path.is_dir() && !path.is_symlink() && !ELSEWHERE.iter().any(|name| path.ends_with(name))
        {
            collect(&path, files);
        } else if log && path.is_file() {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestDir;

    #[test]
    fn every_log_is_shown_without_the_frames_between_its_lines() {
        let state = TestDir::new().unwrap();
        state.write("node.log", "listening\n").unwrap();
        state
            .write(
                "replicas/shop/web-1/logs/1.log",
                b"LOG\x01\0\0\xffGET / 200\x02\xfe\0bye for now",
            )
            .unwrap();
        state.write("volumes/data/big.log", "not ours").unwrap();
        let shown = logs(state.path());
        assert_eq!(
            shown,
            "--- node.log\nlistening\n--- replicas/shop/web-1/logs/1.log\nGET / 200\nbye for now\n"
        );
    }
}
