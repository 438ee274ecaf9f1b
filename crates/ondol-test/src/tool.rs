use std::io::{self, Write};
use std::path::PathBuf;

/// Says why a test was not done. Past the test runner's capture, so that the run as a whole sees it.
pub fn skipped(why: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "skipped: {why}").and_then(|()| out.flush());
}

/// Where a program is, in `PATH` or where only the administrator looks; else says that a test is skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skipped(&format!("`{name}` is not installed"));
    }
    found
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let admin = ["/usr/sbin".into(), "/sbin".into()];
    let folders = std::env::split_paths(&path).chain(admin);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_name() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("no-such-program-anywhere"), None);
    }
}
