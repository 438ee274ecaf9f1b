//! From the machine's files to the replica's. Runs in a child of the room's first process, in whose
//! sight of files it is.
//!
//! Everything is prepared beside the new root while the machine is in sight; then the machine is let go, and only
//! then are mounts put at paths that a service may have tampered with: a link to `/etc` leads to its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::mounts::{self, Overlay, failed};
use super::{Report, base, contents, devices, masks};
use crate::identity::{self, Identity};
use crate::spec::{Room, RoomMount, Shown};

const STAGE: &str = "run/.stage";

/// Does it all. The error says for people at which step it failed.
pub(super) fn furnish(plan: &Room, user: Option<&str>) -> Result<Report, String> {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .map_err(|error| format!("files of its own: {error}"))?;
    let mut words = base::lay(plan)?;
    let root = base::place(plan);
    words.extend(devices::mount(&root, plan.network.is_some())?);
    let files = contents::read(&plan.files)?;
    for (at, mount) in plan.mounts.iter().enumerate() {
        let word = stage(plan, mount, &root.join(STAGE).join(at.to_string()))?;
        words.extend(word.map(|word| format!("{}: {word}", mount.target)));
    }
    let old = root.join(STAGE).join("old");
    fs::create_dir_all(&old).map_err(|error| failed("folder", &old, error))?;
    enter(&root, &old)?;
    let user = who(user)?;
    for (at, mount) in plan.mounts.iter().enumerate() {
        put(
            mount,
            &Path::new("/").join(STAGE).join(at.to_string()),
            &user,
        )?;
    }
    fs::remove_dir_all(Path::new("/").join(STAGE))
        .map_err(|error| format!("clearing up: {error}"))?;
    masks::put_on(&plan.hidden)?;
    contents::make_dirs(plan, &user)?;
    contents::write_files(&plan.files, files, &user)?;
    Ok(Report {
        owner: (!plan.single_uid).then_some((user.uid, user.gid)),
        words,
    })
}

/// Makes a mount ready beside its place.
fn stage(plan: &Room, mount: &RoomMount, at: &Path) -> Result<Option<String>, String> {
    let is_file = match &mount.what {
        Shown::Bind(from) => !fs::metadata(from)
            .map_err(|error| failed("its source", from, error))?
            .is_dir(),
        _ => false,
    };
    let place = match is_file {
        true => {
            let dir = at.parent().unwrap_or(at);
            fs::create_dir_all(dir).and_then(|()| File::create(at).map(drop))
        }
        false => fs::create_dir_all(at),
    };
    place.map_err(|error| failed("place", at, error))?;
    let mut word = None;
    match &mount.what {
        Shown::Bind(from) | Shown::Volume(from) => mounts::bind(from, at)?,
        Shown::Overlay { lowers, upper } => {
            let number = at.file_name().unwrap_or_default();
            let overlay = Overlay {
                lowers,
                upper,
                work: &plan.work.join("mounts").join(number),
                in_user_namespace: plan.single_uid,
            };
            word = overlay.mount(at)?;
        }
        Shown::Tmpfs { bytes_max, mode } => {
            let mut options = format!("mode={:o}", mode.unwrap_or(0o1777));
            if let Some(bytes) = bytes_max {
                options.push_str(&format!(",size={bytes}"));
            }
            mounts::special(
                "tmpfs",
                at,
                MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
                &options,
            )?;
        }
    }
    if mount.read_only {
        mounts::read_only(at)?;
    }
    Ok(word)
}

/// Makes `root` the root of this process, and lets the machine's go.
fn enter(root: &Path, old: &Path) -> Result<(), String> {
    let step = |error: nix::Error| format!("entering its root: {error}");
    nix::unistd::pivot_root(root, old).map_err(step)?;
    nix::unistd::chdir("/").map_err(step)?;
    let old = Path::new("/").join(STAGE).join("old");
    umount2(&old, MntFlags::MNT_DETACH).map_err(step)
}

/// Puts a mount that was made ready at its place, which lies in the replica's own root now.
fn put(mount: &RoomMount, from: &Path, user: &Identity) -> Result<(), String> {
    let target = PathBuf::from(&mount.target);
    let is_file = fs::metadata(from).is_ok_and(|meta| !meta.is_dir());
    let made = match (is_file, target.parent()) {
        (true, Some(dir)) => fs::create_dir_all(dir).and_then(|()| match fs::metadata(&target) {
            Ok(_) => Ok(()),
            Err(_) => {
                let _ = fs::remove_file(&target);
                File::create(&target).map(drop)
            }
        }),
        _ => fs::create_dir_all(&target),
    };
    made.map_err(|error| failed("place", &target, error))?;
    if matches!(mount.what, Shown::Volume(_)) && !mount.read_only {
        contents::give_when_empty(from, user);
    }
    mounts::move_to(from, &target)
}

fn who(user: Option<&str>) -> Result<Identity, String> {
    match user {
        Some(user) => identity::find(user, Path::new("/")),
        None => Ok(Identity::default()),
    }
}
