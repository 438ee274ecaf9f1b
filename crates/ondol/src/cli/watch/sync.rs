//! Copies files into a replica through its own root. Links in there are followed as the replica would follow them,
//! so that none leads out of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Copies each file of the machine to its path in the replica; what is gone here is removed there.
pub(super) fn copy(pid: u32, files: &BTreeMap<PathBuf, PathBuf>) -> Result<(), String> {
    let root = format!("/proc/{pid}/root");
    let root = File::open(&root).map_err(|error| format!("{root}: {error}"))?;
    for (from, to) in files {
        let told = |error: io::Error| format!("{} to {}: {error}", from.display(), to.display());
        one(&root, from, to).map_err(told)?;
    }
    Ok(())
}

fn one(root: &File, from: &Path, to: &Path) -> io::Result<()> {
    let name = to.file_name().ok_or(Errno::EINVAL)?;
    let mut source = match File::open(from) {
        Ok(file) if file.metadata()?.is_dir() => return folder(root, to).map(drop),
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove(root, to),
        Err(error) => return Err(error),
    };
    let parent = folder(root, to.parent().unwrap_or(Path::new("/")))?;
    let mode = source.metadata()?.permissions().mode() & 0o777;
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .mode(Mode::from_bits_truncate(mode))
        .resolve(INSIDE);
    let mut target = File::from(openat2(&parent, name, how)?);
    io::copy(&mut source, &mut target)?;
    // A file that was there keeps its mode when it is opened.
    target.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// As if the root of the replica were the root of this process.
const INSIDE: ResolveFlag = ResolveFlag::RESOLVE_IN_ROOT;

/// Opens a folder of the replica, making it and those above it where they are missing.
fn folder(root: &File, path: &Path) -> io::Result<OwnedFd> {
    let mut below = PathBuf::from("/");
    let mut open = open_folder(root, &below)?;
    for part in path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
    {
        below.push(part);
        open = match open_folder(root, &below) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let part: &Path = part.as_ref();
                match mkdirat(&open, part, Mode::from_bits_truncate(0o755)) {
                    Ok(()) | Err(Errno::EEXIST) => open_folder(root, &below)?,
                    Err(error) => return Err(error.into()),
                }
            }
            opened => opened?,
        };
    }
    Ok(open)
}

fn open_folder(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat2(
        root,
        path,
        OpenHow::new().flags(flags).resolve(INSIDE),
    )?)
}

fn remove(root: &File, to: &Path) -> io::Result<()> {
    let (Some(name), Some(parent)) = (to.file_name(), to.parent()) else {
        return Ok(());
    };
    let parent = match open_folder(root, parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    match unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(Errno::EISDIR) => Ok(unlinkat(&parent, name, UnlinkatFlags::RemoveDir)?),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_copied_and_removed_and_no_link_leads_out() {
        let dir = std::env::temp_dir().join(format!("ondol-sync-{}", std::process::id()));
        let (here, inside, outside) = (dir.join("here"), dir.join("inside"), dir.join("outside"));
        for folder in [&here, &inside, &outside] {
            fs::create_dir_all(folder).unwrap();
        }
        let from = here.join("a.sh");
        fs::write(&from, "one").unwrap();
        fs::set_permissions(&from, std::fs::Permissions::from_mode(0o750)).unwrap();
        // What is absolute in the replica must not mean the machine's own.
        symlink(&outside, inside.join("link")).unwrap();
        let root = File::open(&inside).unwrap();

        one(&root, &from, Path::new("/app/deep/a.sh")).unwrap();
        let copied = inside.join("app/deep/a.sh");
        assert_eq!(fs::read_to_string(&copied).unwrap(), "one");
        assert_eq!(
            fs::metadata(&copied).unwrap().permissions().mode() & 0o777,
            0o750
        );

        let led = one(&root, &from, Path::new("/link/a.sh"));
        assert!(!outside.join("a.sh").exists(), "{led:?}");
        let up = one(&root, &from, Path::new("/../../outside/a.sh"));
        assert!(!outside.join("a.sh").exists(), "{up:?}");

        fs::remove_file(&from).unwrap();
        one(&root, &from, Path::new("/app/deep/a.sh")).unwrap();
        assert!(!copied.exists());
        one(&root, &from, Path::new("/never/was/a.sh")).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
