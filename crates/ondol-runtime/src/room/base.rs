//! The root that a replica sees: the machine's programs, layers over them, and folders of its own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::mounts::{self, Overlay, failed};
use crate::spec::Room;

/// Folders of the machine that a replica sees.
const SHOWN: [&str; 9] = [
    "bin", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr",
];
/// Folders that are new with each start, or the kernel's.
const NEW: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];
/// Folders of its own, which stay until it is discarded, with their permissions.
const OWN: [(&str, u32); 17] = [
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    // Toolchains of a person called root are shown below it to services that are not.
    ("root", 0o711),
    ("srv", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/backups", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
    ("var/www", 0o755),
];

/// Where it is laid out before it becomes the root. `plan.upper` is shown there; it cannot be that folder itself,
/// because the kernel wants what overlays write to and their work in one mount.
pub(super) fn place(plan: &Room) -> PathBuf {
    plan.work.join("root")
}

/// Folders of the machine that installers write to. Where only one user id exists the machine's root is nobody, and
/// what is his cannot be written to; a folder of the same name among the replica's own makes it the replica's.
const WRITTEN: [&str; 12] = [
    "usr/bin",
    "usr/lib",
    "usr/lib/node_modules",
    "usr/local/bin",
    "usr/local/etc",
    "usr/local/include",
    "usr/local/lib",
    "usr/local/lib/node_modules",
    "usr/local/sbin",
    "usr/local/share",
    "usr/sbin",
    "usr/share",
];

/// Lays it out at [`place`]. Returns what could not be done as it should.
pub(super) fn lay(plan: &Room) -> Result<Vec<String>, String> {
    let root = &plan.upper;
    make(root, 0o755)?;
    make(&plan.work, 0o700)?;
    make(&place(plan), 0o755)?;
    for (dir, mode) in OWN {
        make(&root.join(dir), mode)?;
    }
    for dir in NEW {
        let mode = if dir == "tmp" { 0o1777 } else { 0o755 };
        make(&root.join(dir), mode)?;
    }
    if plan.single_uid {
        for dir in WRITTEN {
            make(&root.join(dir), 0o755)?;
        }
        for python in python_packages() {
            make(&root.join(python), 0o755)?;
        }
    }
    link("../run", &root.join("var/run"));
    link("../run/lock", &root.join("var/lock"));
    super::accounts::write(plan)?;
    mounts::bind(root, &place(plan))?;
    let mut words = Vec::new();
    for top in tops(&plan.layers) {
        words.extend(lay_top(plan, &top)?);
    }
    Ok(words)
}

/// Names directly below the root, of the machine and of the layers.
fn tops(layers: &[PathBuf]) -> BTreeSet<String> {
    let mut tops: BTreeSet<String> = SHOWN.iter().map(|&name| name.to_owned()).collect();
    for layer in layers {
        let entries = fs::read_dir(layer).into_iter().flatten().flatten();
        tops.extend(entries.filter_map(|entry| entry.file_name().into_string().ok()));
    }
    tops.retain(|name| !NEW.contains(&name.as_str()));
    tops
}

fn lay_top(plan: &Room, top: &str) -> Result<Option<String>, String> {
    let upper = plan.upper.join(top);
    let machine = Path::new("/").join(top);
    let shown = SHOWN.contains(&top);
    if shown && let Ok(target) = fs::read_link(&machine) {
        // Debian's `/bin` is a link to `usr/bin`.
        link(target, &upper);
        return Ok(None);
    }
    let layers = plan.layers.iter().map(|layer| layer.join(top));
    let mut lowers: Vec<PathBuf> = layers.filter(|dir| is_real_dir(dir)).collect();
    if shown && is_real_dir(&machine) {
        lowers.push(machine);
    }
    if lowers.is_empty() {
        return Ok(None);
    }
    make(&upper, 0o755)?;
    let overlay = Overlay {
        lowers: &lowers,
        upper: &upper,
        work: &plan.work.join("tops").join(top),
        in_user_namespace: plan.single_uid,
    };
    Ok(overlay
        .mount(&place(plan).join(top))?
        .map(|word| format!("/{top}: {word}")))
}

/// `usr/local/lib/python3.11/dist-packages`, of each version.
fn python_packages() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with("python3."))
        .map(|name| Path::new("usr/local/lib").join(name).join("dist-packages"))
        .collect()
}

fn is_real_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Makes a folder; one that is there keeps what it has become.
fn make(dir: &Path, mode: u32) -> Result<(), String> {
    if fs::symlink_metadata(dir).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(dir)
        .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(mode)))
        .map_err(|error| failed("folder", dir, error))
}

fn link(target: impl AsRef<Path>, at: &Path) {
    // That it is there already is fine.
    let _ = std::os::unix::fs::symlink(target, at);
}
