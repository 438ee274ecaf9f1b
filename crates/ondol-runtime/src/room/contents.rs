//! Folders and files that must be in a room before anything runs there.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::unistd::{Gid, Uid};

use super::mounts::failed;
use crate::identity::{self, Identity};
use crate::spec::{FileContent, Room, RoomFile, Shown};

/// Makes folders that data is kept in, with their owners. Those that the machine's person mounted stay theirs.
pub(super) fn make_dirs(plan: &Room, user: &Identity) -> Result<(), String> {
    for dir in &plan.data_dirs {
        let owner = match &dir.owner {
            Some(owner) => identity::find(owner, Path::new("/"))?,
            None => user.clone(),
        };
        let path = Path::new(&dir.path);
        fs::create_dir_all(path).map_err(|error| failed("folder", path, error))?;
        let theirs = |mount: &&crate::spec::RoomMount| {
            matches!(mount.what, Shown::Bind(_)) && path.starts_with(&mount.target)
        };
        if !plan.mounts.iter().any(|mount| theirs(&mount)) {
            set_mode(path, dir.mode);
            give(path, &owner);
        }
    }
    Ok(())
}

/// Writes files, secrets among them.
pub(super) fn write_files(
    files: &[RoomFile],
    contents: Vec<Vec<u8>>,
    user: &Identity,
) -> Result<(), String> {
    for (file, content) in files.iter().zip(contents) {
        let path = Path::new(&file.path);
        let written = || -> io::Result<()> {
            if let Some(dir) = path.parent() {
                fs::create_dir_all(dir)?;
            }
            let _ = fs::remove_file(path);
            fs::write(path, content)?;
            fs::set_permissions(path, fs::Permissions::from_mode(file.mode))
        };
        written().map_err(|error| failed("file", path, error))?;
        let owner = match file.owner {
            Some((uid, gid)) => Identity {
                uid,
                gid,
                ..Identity::default()
            },
            None => user.clone(),
        };
        give(path, &owner);
    }
    Ok(())
}

/// What is in the files, read while the machine is in sight.
pub(super) fn read(files: &[RoomFile]) -> Result<Vec<Vec<u8>>, String> {
    let contents = files.iter().map(|file| match &file.content {
        FileContent::Text(text) => Ok(text.clone().into_bytes()),
        FileContent::Path(path) => fs::read(path).map_err(|error| failed("file", path, error)),
    });
    contents.collect()
}

/// Gives a volume that nobody has written to yet to the service's user.
pub(super) fn give_when_empty(path: &Path, user: &Identity) {
    if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
        give(path, user);
    }
}

/// Where only one user id exists this fails, and everything is that user's already.
fn give(path: &Path, owner: &Identity) {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    let _ = nix::unistd::chown(path, Some(uid), Some(gid));
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
}
