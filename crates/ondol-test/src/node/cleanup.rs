//! What is done for a test that failed: show what was said, and leave nothing behind.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{processes, wait_until};

const LINES: usize = 40;

/// The last lines of the node and of every log below the state folder, oldest folder first by name.
pub(crate) fn logs(state: &Path, node: &Path) -> String {
    let mut files = vec![node.to_owned()];
    collect(state, &mut files);
    let mut text = String::new();
    for file in files {
        let bytes = fs::read(&file).unwrap_or_default();
        let said = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = said.lines().collect();
        let name = file.strip_prefix(state).unwrap_or(&file);
        text.push_str(&format!("--- {}\n", name.display()));
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            text.push_str(&format!("{line}\n"));
        }
    }
    text
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
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            let inside_logs = path.file_name().is_some_and(|name| name == "logs");
            // Volumes, packages and layers are no logs and can be large.
            let deep = ["volumes", "packages", "prepared", "upper", "work"]
                .iter()
                .any(|name| path.ends_with(name));
            if inside_logs {
                let segments = fs::read_dir(&path).into_iter().flatten().flatten();
                files.extend(segments.map(|segment| segment.path()));
            } else if !deep {
                collect(&path, files);
            }
        }
    }
}
