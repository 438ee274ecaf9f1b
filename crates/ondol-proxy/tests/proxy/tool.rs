use std::io::Write;
use std::path::PathBuf;

/// A program that `cargo xtask ci` installs, or one in the path. Without it the test says that it is skipped.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(PathBuf::from(own))
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        // When even that cannot be written, nobody reads it.
        let _ = writeln!(std::io::stderr(), "skipped: no `{name}` here");
    }
    found
}
