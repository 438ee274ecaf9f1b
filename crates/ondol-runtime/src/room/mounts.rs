//! Mounting, with errors that name the place.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

const NOTHING: Option<&str> = None;

pub(super) fn failed(what: &str, at: &Path, error: impl std::fmt::Display) -> String {
    format!("{what} at {}: {error}", at.display())
}

/// Shows a file or folder at another place too.
pub(super) fn bind(from: &Path, to: &Path) -> Result<(), String> {
    mount(
        Some(from),
        to,
        NOTHING,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        NOTHING,
    )
    .map_err(|error| failed(&format!("showing {}", from.display()), to, error))
}

/// Takes the right to write from a mount.
pub(super) fn read_only(at: &Path) -> Result<(), String> {
    let locked = statvfs(at).map_or(FsFlags::empty(), |stat| stat.flags());
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    // Inside a user namespace what is forbidden already must stay so, or all of it is refused.
    for (has, keep) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if locked.contains(has) {
            flags |= keep;
        }
    }
    mount(NOTHING, at, NOTHING, flags, NOTHING).map_err(|error| failed("read only", at, error))
}

/// A file system of the kernel's own.
pub(super) fn special(kind: &str, at: &Path, flags: MsFlags, options: &str) -> Result<(), String> {
    mount(Some(kind), at, Some(kind), flags, Some(options)).map_err(|error| failed(kind, at, error))
}

/// Moves a mount.
pub(super) fn move_to(from: &Path, to: &Path) -> Result<(), String> {
    mount(Some(from), to, NOTHING, MsFlags::MS_MOVE, NOTHING)
        .map_err(|error| failed("mount", to, error))
}

/// Folders laid over each other; what is written goes to `upper`.
pub(super) struct Overlay<'a> {
    /// Topmost first.
    pub(super) lowers: &'a [PathBuf],
    pub(super) upper: &'a Path,
    /// On the file system of `upper`.
    pub(super) work: &'a Path,
    /// Inside a user namespace.
    pub(super) in_user_namespace: bool,
}

impl Overlay<'_> {
    /// Lays them over each other at `at`. Where the file system of `upper` cannot take what is written, memory
    /// does, and where a single folder cannot be laid over at all, it is shown as it is: then the answer says so.
    pub(super) fn mount(&self, at: &Path) -> Result<Option<String>, String> {
        for dir in [self.upper, self.work] {
            fs::create_dir_all(dir).map_err(|error| failed("folder", dir, error))?;
        }
        let first = match self.lay(self.upper, self.work, at) {
            Ok(()) => return Ok(None),
            Err(error) => error,
        };
        special("tmpfs", self.work, MsFlags::MS_NODEV, "mode=755")?;
        let (upper, work) = (self.work.join("upper"), self.work.join("work"));
        for dir in [&upper, &work] {
            fs::create_dir(dir).map_err(|error| failed("folder", dir, error))?;
        }
        match self.lay(&upper, &work, at) {
            Ok(()) => Ok(Some(format!(
                "what is written here is kept in memory only, because {} cannot take it ({first})",
                self.upper.display()
            ))),
            Err(error) => self
                .as_it_is(at)
                .map_err(|_| failed("layers", at, error))
                .map(Some),
        }
    }

    /// Inside a user namespace a folder of the machine with other file systems mounted below it is no layer.
    fn as_it_is(&self, at: &Path) -> Result<String, String> {
        let [only] = self.lowers else {
            return Err(String::new());
        };
        bind(only, at)?;
        read_only(at)?;
        Ok(format!(
            "nothing can be written here, because {} cannot be a layer",
            only.display()
        ))
    }

    fn lay(&self, upper: &Path, work: &Path, at: &Path) -> nix::Result<()> {
        let lowers: Vec<String> = self.lowers.iter().map(|dir| escaped(dir)).collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lowers.join(":"),
            escaped(upper),
            escaped(work)
        );
        if self.in_user_namespace {
            options.push_str(",userxattr");
        }
        mount(
            Some("overlay"),
            at,
            Some("overlay"),
            MsFlags::MS_NODEV,
            Some(options.as_str()),
        )
    }
}

/// A path inside an overlay's options.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if matches!(c, '\\' | ':' | ',') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
