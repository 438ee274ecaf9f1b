use std::io::Write;
use std::path::PathBuf;

/// A Python with the clients that `cargo xtask ci` installs from PyPI: grpcio, websockets.
pub(crate) fn clients() -> Option<String> {
    let own = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/tools/python/bin/python3"
    );
    if std::path::Path::new(own).is_file() {
        return Some(own.to_owned());
    }
    // When even that cannot be written, nobody reads it.
    let _ = writeln!(std::io::stderr(), "skipped: no clients from PyPI here");
    None
}

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
