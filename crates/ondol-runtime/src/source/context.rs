//! The files of a build context: what a COPY line sees, what it comes to, and bringing it into a layer.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use ondol_model::Digest;

use super::{SourceError, SourceErrorKind};
use ignore::Ignore;

mod ignore;
mod pattern;

/// Files in one context.
const FILES_MAX: usize = 200_000;
/// Larger files are told apart by size and time instead of content.
const HASHED_BYTES_MAX: u64 = 8 << 20;

/// A build context on the machine.
#[derive(Debug)]
pub(crate) struct Context {
    dir: PathBuf,
    ignore: Ignore,
}

/// Something that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// On the machine.
    pub(crate) host: PathBuf,
    /// Below the destination.
    pub(crate) relative: PathBuf,
}

/// What one source of a COPY line matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Relative to the root it was matched below.
    pub(crate) path: PathBuf,
    pub(crate) is_dir: bool,
}

impl Context {
    /// The context with the `.dockerignore` that belongs to this Dockerfile.
    pub(crate) fn open(dir: &Path, dockerfile: Option<&Path>) -> Result<Self, SourceError> {
        let dir = dir.canonicalize().map_err(|error| {
            SourceError::new(
                SourceErrorKind::Dockerfile,
                format!(
                    "the build context {} cannot be read: {error}",
                    dir.display()
                ),
                "build: (or build.context:) names a folder relative to the Compose file",
            )
        })?;
        let own = dockerfile.map(|file| {
            let mut name = file.as_os_str().to_owned();
            name.push(".dockerignore");
            PathBuf::from(name)
        });
        let text = own
            .and_then(|own| fs::read_to_string(own).ok())
            .or_else(|| fs::read_to_string(dir.join(".dockerignore")).ok())
            .unwrap_or_default();
        Ok(Context {
            dir,
            ignore: Ignore::parse(&text),
        })
    }

    /// The files and folders that a source of a COPY line names.
    pub(crate) fn matches(&self, source: &str) -> Result<Vec<Match>, String> {
        let mut found = matches_below(&self.dir, source)?;
        found.retain(|found| found.is_dir || !self.ignore.ignores(&found.path));
        if found.is_empty() {
            return Err(format!(
                "`{source}` matches no file in {} (or .dockerignore leaves it out)",
                self.dir.display()
            ));
        }
        Ok(found)
    }

    /// Everything below a match, folders before what is in them, in a fixed order.
    pub(crate) fn entries(&self, found: &Match) -> Result<Vec<Entry>, SourceError> {
        entries_below(
            &self.dir,
            found,
            &|path| self.ignore.ignores(path),
            self.ignore.has_exceptions(),
        )
    }
}

/// What a source names below `root`; links do not lead out of it.
pub(crate) fn matches_below(root: &Path, source: &str) -> Result<Vec<Match>, String> {
    let mut level = vec![PathBuf::new()];
    for part in source
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            return Err(format!("`{source}` leads out of the build context"));
        }
        let mut next = Vec::new();
        for dir in &level {
            if !pattern::is_pattern(part) {
                let path = dir.join(part);
                if root.join(&path).symlink_metadata().is_ok() {
                    next.push(path);
                }
                continue;
            }
            for entry in fs::read_dir(root.join(dir)).into_iter().flatten().flatten() {
                if pattern::matches(part, &entry.file_name().to_string_lossy()) {
                    next.push(dir.join(entry.file_name()));
                }
            }
        }
        next.sort();
        level = next;
    }
    let mut found = Vec::new();
    for path in level {
        let Ok(real) = root.join(&path).canonicalize() else {
            continue;
        };
        if !real.starts_with(root) {
            return Err(format!(
                "`{source}` is a link that leads out of the build context"
            ));
        }
        found.push(Match {
            is_dir: real.is_dir(),
            path,
        });
    }
    Ok(found)
}

/// Like [`Context::entries`] for any root.
pub(crate) fn entries_below(
    root: &Path,
    found: &Match,
    ignored: &dyn Fn(&Path) -> bool,
    look_into_ignored: bool,
) -> Result<Vec<Entry>, SourceError> {
    let refused = |path: &Path, error: io::Error| SourceError::io(path.display(), &error);
    let mut entries = Vec::new();
    if !found.is_dir {
        // A link that is named itself is followed, as Docker does.
        let host = root.join(&found.path);
        let host = host.canonicalize().unwrap_or(host);
        let relative = found.path.file_name().unwrap_or_default().into();
        entries.push(Entry { host, relative });
        return Ok(entries);
    }
    let mut pending = vec![(found.path.clone(), PathBuf::new())];
    while let Some((path, relative)) = pending.pop() {
        let host = root.join(&path);
        let mut below: Vec<_> = fs::read_dir(&host)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(|error| refused(&host, error))?;
        below.sort_by_key(fs::DirEntry::file_name);
        let mut folders = Vec::new();
        for entry in below {
            let name = entry.file_name();
            let (path, relative) = (path.join(&name), relative.join(&name));
            let kind = entry.file_type().map_err(|error| refused(&host, error))?;
            let is_ignored = ignored(&path);
            if kind.is_dir() {
                if !is_ignored || look_into_ignored {
                    folders.push((path, relative.clone()));
                }
            } else if kind.is_fifo() || kind.is_socket() {
                continue;
            }
            if !is_ignored {
                entries.push(Entry {
                    host: entry.path(),
                    relative,
                });
            }
            if entries.len() > FILES_MAX {
                return Err(SourceError::new(
                    SourceErrorKind::Dockerfile,
                    format!(
                        "the build context {} has more than {FILES_MAX} files",
                        root.display()
                    ),
                    "leave out what is not needed with a .dockerignore file",
                ));
            }
        }
        pending.extend(folders.into_iter().rev());
    }
    entries.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(entries)
}

/// Whether a path is what a pattern of `--exclude` says.
pub(crate) fn matches_path(pattern: &str, path: &Path) -> bool {
    Ignore::parse(pattern).ignores(path)
}

/// Names the content of these entries, so that a change of any is seen.
pub(crate) fn digest(entries: &[Entry]) -> Result<Digest, SourceError> {
    let mut all = String::new();
    for entry in entries {
        let refused = |error: io::Error| SourceError::io(entry.host.display(), &error);
        let meta = fs::symlink_metadata(&entry.host).map_err(refused)?;
        let content = if meta.is_symlink() {
            fs::read_link(&entry.host)
                .map_err(refused)?
                .to_string_lossy()
                .into_owned()
        } else if meta.is_dir() {
            String::new()
        } else if meta.len() > HASHED_BYTES_MAX {
            format!("{}:{}.{}", meta.len(), meta.mtime(), meta.mtime_nsec())
        } else {
            Digest::of(&fs::read(&entry.host).map_err(refused)?).to_string()
        };
        all.push_str(&format!(
            "{:?} {:o} {content}\n",
            entry.relative,
            meta.mode()
        ));
    }
    Ok(Digest::of(all.as_bytes()))
}

/// Who owns copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Whoever copies.
    Ours,
    /// Whoever owns the original.
    Kept,
    /// User and group.
    Ids(u32, u32),
}

/// Copies entries to `to` below `root`; permissions and times are kept.
pub(crate) fn copy(
    entries: &[Entry],
    root: &Path,
    to: &Path,
    owner: Owner,
    mode: Option<u32>,
) -> Result<(), SourceError> {
    for entry in entries {
        let target = to.join(&entry.relative);
        copy_one(&entry.host, root, &target, owner, mode)
            .map_err(|error| SourceError::io(entry.host.display(), &error))?;
    }
    Ok(())
}

/// Copies one file, link or empty folder over what is there.
fn copy_one(
    from: &Path,
    root: &Path,
    to: &Path,
    owner: Owner,
    mode: Option<u32>,
) -> io::Result<()> {
    let meta = fs::symlink_metadata(from)?;
    let target = folder_below(root, to.parent().unwrap_or(Path::new("")))?
        .join(to.file_name().unwrap_or_default());
    let there = target.symlink_metadata().ok();
    if meta.is_dir() {
        if !there.is_some_and(|there| there.is_dir()) {
            fs::create_dir(&target)?;
        }
        let mode = mode.unwrap_or(meta.mode() & 0o7777) | 0o700;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
    } else {
        if there.is_some_and(|there| !there.is_dir()) {
            fs::remove_file(&target)?;
        }
        if meta.is_symlink() {
            symlink(fs::read_link(from)?, &target)?;
        } else {
            fs::copy(from, &target)?;
            fs::File::open(&target)?.set_modified(meta.modified()?)?;
            if let Some(mode) = mode {
                fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
            }
        }
    }
    match owner {
        Owner::Ours => Ok(()),
        Owner::Kept => lchown(&target, Some(meta.uid()), Some(meta.gid())),
        Owner::Ids(user, group) => lchown(&target, Some(user), Some(group)),
    }
}

/// Makes the folder `inside` below `root`. A link on the way is an error: it would lead out of the layer.
pub(crate) fn folder_below(root: &Path, inside: &Path) -> io::Result<PathBuf> {
    let mut path = root.to_path_buf();
    for part in inside.components() {
        let std::path::Component::Normal(part) = part else {
            continue;
        };
        path.push(part);
        match path.symlink_metadata() {
            Ok(there) if there.is_dir() => {}
            Ok(there) if there.is_symlink() => {
                return Err(io::Error::other(format!(
                    "/{} goes through a link",
                    inside.display()
                )));
            }
            Ok(_) => {
                return Err(io::Error::other(format!(
                    "/{} goes through a file",
                    inside.display()
                )));
            }
            Err(_) => fs::create_dir(&path)?,
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
