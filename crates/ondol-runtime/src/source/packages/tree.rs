use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::{SourceError, SourceErrorKind};
use super::apt::Archive;

/// Folders of `/` that are links into `/usr` on a merged system; older packages still have files there.
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Unpacks archives into one new tree, which is there whole or not at all.
pub(super) fn unpack(
    archives_dir: &Path,
    archives: &[Archive],
    tree: &Path,
    say: &mut dyn FnMut(String),
) -> Result<(), SourceError> {
    let temporary = tree.with_extension("new");
    let refused = |error: io::Error| SourceError::io(temporary.display(), &error);
    if temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(refused)?;
    }
    fs::create_dir_all(&temporary).map_err(refused)?;
    for (at, archive) in archives.iter().enumerate() {
        say(format!(
            "unpacking {} ({} of {})",
            archive.package,
            at + 1,
            archives.len()
        ));
        let output = Command::new("dpkg-deb")
            .arg("-x")
            .arg(archives_dir.join(&archive.file_name))
            .arg(&temporary)
            .stdin(Stdio::null())
            .output()
            .map_err(refused)?;
        if !output.status.success() {
            return Err(SourceError::new(
                SourceErrorKind::Package,
                format!(
                    "{} could not be unpacked: {}",
                    archive.file_name,
                    String::from_utf8_lossy(&output.stderr).trim()
                ),
                "is the disk full? Then make room and try again",
            ));
        }
    }
    for name in MERGED {
        merge(&temporary.join(name), &temporary.join("usr").join(name)).map_err(refused)?;
    }
    link_alternatives(&temporary).map_err(refused)?;
    match fs::rename(&temporary, tree) {
        Err(_) if tree.is_dir() => fs::remove_dir_all(&temporary).map_err(refused),
        other => other.map_err(refused),
    }
}

/// Moves all of `from` below `to` and removes `from`; what is there already is replaced.
fn merge(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() || from.is_symlink() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            merge(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), target)?;
        }
    }
    fs::remove_dir(from)
}

/// Names that Debian's maintainer scripts make by `update-alternatives`, which are not run.
fn link_alternatives(tree: &Path) -> io::Result<()> {
    let bin = tree.join("usr/bin");
    for home in entries(&tree.join("usr/lib/jvm")) {
        for program in entries(&home.join("bin")) {
            let Ok(inside) = program.strip_prefix(tree) else {
                continue;
            };
            link(&bin, &program, &Path::new("/").join(inside))?;
        }
    }
    for program in entries(&bin) {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let version = name.strip_prefix("php").unwrap_or_default();
        if !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.') {
            link(&bin, Path::new("php"), Path::new(&name))?;
        }
    }
    Ok(())
}

fn link(bin: &Path, name: &Path, target: &Path) -> io::Result<()> {
    let at = bin.join(name.file_name().unwrap_or_default());
    if at.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::create_dir_all(bin)?;
    symlink(target, at)
}

fn entries(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_an_unmerged_package_move_below_usr() {
        let tree = std::env::temp_dir().join(format!("ondol-merge-{}", std::process::id()));
        for (path, text) in [
            ("lib/a/x", "new"),
            ("usr/lib/a/x", "old"),
            ("usr/lib/y", "y"),
        ] {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs::write(tree.join(path), text).unwrap();
        }
        merge(&tree.join("lib"), &tree.join("usr/lib")).unwrap();
        assert!(!tree.join("lib").exists());
        assert_eq!(fs::read_to_string(tree.join("usr/lib/a/x")).unwrap(), "new");
        assert_eq!(fs::read_to_string(tree.join("usr/lib/y")).unwrap(), "y");
        fs::remove_dir_all(tree).unwrap();
    }
}
