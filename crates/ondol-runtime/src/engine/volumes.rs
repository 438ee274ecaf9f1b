//! Named and anonymous volumes: plain folders of the state folder.

use std::fs;
use std::io;
use std::path::PathBuf;

use ondol_model::{Mount, MountSource, ProjectName, Run};

use super::Inner;
use super::paths::{private_dir, write_whole};
use crate::Launch;

/// Beside a volume's folder: which project made it, so that it goes with that project.
const OWNER_SUFFIX: &str = ".owner";

/// Where a volume lies. The error says for people why it cannot be had.
pub(super) fn path(inner: &Inner, run: &Run, mount: &Mount) -> Result<PathBuf, String> {
    let (name, subpath) = match &mount.source {
        MountSource::Volume { name, subpath, .. } => (name, subpath.as_deref()),
        _ => {
            let place: String = mount.target.trim_matches('/').replace('/', "-");
            let dir = inner.paths.replica(&run.replica).join("volumes");
            return Ok(dir.join(if place.is_empty() { "root" } else { &place }));
        }
    };
    let on_machine = name_on_machine(run, name);
    if !is_plain(&on_machine) {
        return Err(format!(
            "`{on_machine}` is not a volume name: use letters, digits, ., - and _"
        ));
    }
    let dir = inner.paths.volumes().join(&on_machine);
    let external = run
        .project
        .volumes
        .get(name)
        .is_some_and(|spec| spec.external);
    if external && !dir.is_dir() {
        return Err(format!(
            "the volume {on_machine} is external and does not exist; make it with `mkdir {}`",
            dir.display()
        ));
    }
    match subpath {
        Some(subpath) if !subpath.split('/').all(is_plain) => Err(format!(
            "`{subpath}` is not a folder inside the volume {name}: use a relative path without `..`"
        )),
        Some(subpath) => Ok(dir.join(subpath)),
        None => Ok(dir),
    }
}

fn name_on_machine(run: &Run, key: &str) -> String {
    let given = run
        .project
        .volumes
        .get(key)
        .and_then(|spec| spec.name.clone());
    let external = run
        .project
        .volumes
        .get(key)
        .is_some_and(|spec| spec.external);
    given.unwrap_or_else(|| match external {
        true => key.to_owned(),
        false => format!("{}_{key}", run.replica.project),
    })
}

fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !part.is_empty()
        && !part.starts_with('.')
        && !part.ends_with(OWNER_SUFFIX)
        && part.chars().all(allowed)
}

/// Makes the folders that a start needs: volumes, and binds that ask for it.
pub(super) fn make(inner: &Inner, run: &Run, launch: &Launch) -> io::Result<()> {
    let fill = |dir: &std::path::Path, mount: &Mount| {
        let keep_owners = nix::unistd::geteuid().is_root();
        crate::source::fill(dir, &mount.target, &launch.layers.lower, keep_owners)
    };
    for mount in &run.service.mounts {
        match &mount.source {
            MountSource::Volume {
                name,
                subpath,
                nocopy,
            } => {
                let dir = path(inner, run, mount).map_err(io::Error::other)?;
                fs::create_dir_all(&dir)?;
                if subpath.is_none() && !nocopy {
                    fill(&dir, mount)?;
                }
                if !run
                    .project
                    .volumes
                    .get(name)
                    .is_some_and(|spec| spec.external)
                {
                    let owner = format!("{}{OWNER_SUFFIX}", name_on_machine(run, name));
                    let owner = inner.paths.volumes().join(owner);
                    if !owner.exists() {
                        write_whole(&owner, run.replica.project.as_str().as_bytes())?;
                    }
                }
            }
            MountSource::Anonymous => {
                private_dir(&inner.paths.replica(&run.replica).join("volumes"))?;
                let dir = path(inner, run, mount).map_err(io::Error::other)?;
                fs::create_dir_all(&dir)?;
                fill(&dir, mount)?;
            }
            MountSource::Bind { path, create } => {
                if *create && !path.exists() {
                    fs::create_dir_all(path)?;
                }
                if !path.exists() {
                    return Err(io::Error::other(format!(
                        "{} does not exist",
                        path.display()
                    )));
                }
            }
            MountSource::Tmpfs { .. } => {}
        }
    }
    Ok(())
}

/// Removes the volumes that a project made.
pub(super) fn remove(inner: &Inner, project: &ProjectName) {
    let folder = inner.paths.volumes();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(volume) = name
            .to_str()
            .and_then(|name| name.strip_suffix(OWNER_SUFFIX))
        else {
            continue;
        };
        if fs::read_to_string(entry.path()).is_ok_and(|owner| owner == project.as_str()) {
            super::discard::remove_tree(&folder.join(volume));
            let _ = fs::remove_file(entry.path());
        }
    }
}
