//! `/dev`, `/proc`, `/sys` and `/run` of a replica.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::MsFlags;

use super::mounts::{self, bind, failed, special};

const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Mounts them below `root`, while the machine is still in sight.
pub(super) fn mount(root: &Path, own_network: bool) -> Result<Vec<String>, String> {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    special(
        "tmpfs",
        &root.join("run"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=755",
    )?;
    special(
        "tmpfs",
        &root.join("tmp"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=1777",
    )?;
    let _ = fs::create_dir(root.join("run/lock"));
    super::contents::set_mode(&root.join("run/lock"), 0o1777);
    dev(&root.join("dev"))?;
    let mut words = Vec::new();
    let proc = root.join("proc");
    if let Err(error) = special("proc", &proc, quiet, "") {
        // A machine that hides parts of its own /proc (a container) lets nobody mount a new one.
        return Err(format!(
            "{error}; this machine lets nobody mount /proc in a namespace"
        ));
    }
    let sys = root.join("sys");
    let mounted = match own_network {
        true => special("sysfs", &sys, quiet | MsFlags::MS_RDONLY, ""),
        false => Err("it belongs to the machine's network".to_owned()),
    };
    if mounted.is_err() {
        let shown = bind(Path::new("/sys"), &sys).and_then(|()| mounts::read_only(&sys));
        if let Err(error) = shown {
            words.push(format!("/sys is empty: {error}"));
        }
    }
    Ok(words)
}

fn dev(dev: &Path) -> Result<(), String> {
    special(
        "tmpfs",
        dev,
        MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        "mode=755,size=64k",
    )?;
    for node in NODES {
        let at = dev.join(node);
        File::create(&at).map_err(|error| failed("file", &at, error))?;
        bind(&Path::new("/dev").join(node), &at)?;
    }
    for (name, target) in LINKS {
        symlink(target, dev.join(name)).map_err(|error| failed("link", &dev.join(name), error))?;
    }
    for dir in ["pts", "shm", "mqueue"] {
        fs::create_dir(dev.join(dir)).map_err(|error| failed("folder", &dev.join(dir), error))?;
    }
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    special(
        "devpts",
        &dev.join("pts"),
        quiet,
        "newinstance,ptmxmode=0666,mode=0620",
    )?;
    special(
        "tmpfs",
        &dev.join("shm"),
        quiet | MsFlags::MS_NODEV,
        "mode=1777,size=64m",
    )?;
    // Few programs need it, and some machines have none.
    let _ = special("mqueue", &dev.join("mqueue"), quiet | MsFlags::MS_NODEV, "");
    Ok(())
}
