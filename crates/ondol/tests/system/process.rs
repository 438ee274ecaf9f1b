//! Processes as the machine shows them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, bail};
use ondol_test::skipped;

/// `kill -9`.
pub(crate) fn kill(pid: i32) -> Result<()> {
    signal(pid, "KILL")
}

pub(crate) fn signal(pid: i32, name: &str) -> Result<()> {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status()?;
    if !status.success() {
        bail!("process {pid} could not be sent SIG{name}");
    }
    Ok(())
}

/// Whether it runs; one that has ended and was not waited for does not.
pub(crate) fn runs(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !stat.starts_with('Z'))
}

pub(crate) fn parent(pid: i32) -> Option<i32> {
    stat(pid)?.split(' ').nth(1)?.parse().ok()
}

/// The processes that run with this variable in their environment.
pub(crate) fn with_variable(name: &str, value: &str) -> BTreeSet<i32> {
    let wanted = format!("{name}={value}");
    let has = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    all().filter(has).filter(|pid| runs(*pid)).collect()
}

/// The processes whose command line has this word.
pub(crate) fn with_word(word: &str) -> BTreeSet<i32> {
    let has = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .any(|part| part == word.as_bytes())
    };
    all().filter(has).filter(|pid| runs(*pid)).collect()
}

/// Whether this test may mount and change users; else it says that it is skipped.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        skipped("only root can mount and change users");
    }
    root
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What follows the name, which may hold anything: state, parent...
fn stat(pid: i32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}
