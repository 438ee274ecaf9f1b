//! `prepared/`: layers by the digest of what they were made from, and what each service was prepared to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ondol_model::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::packages::write_whole;
use super::{SourceError, context};

/// A service that was not started for so long is prepared again when it comes back.
const RECORD_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Services remembered at once; the ones that were not started for longest are forgotten first.
const RECORDS_MAX: usize = 500;

#[derive(Clone, Debug)]
pub(crate) struct Store {
    state_dir: PathBuf,
    dir: PathBuf,
}

impl Store {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Store {
            state_dir: state_dir.to_path_buf(),
            dir: state_dir.join("prepared"),
        }
    }

    /// The layer of this digest, made by `make` in a new folder when it is not there: whole or not at all, and
    /// once when several ask for it. `make` may say that the layer is empty by leaving nothing in the folder.
    pub(crate) fn layer(
        &self,
        digest: &Digest,
        make: impl FnOnce(&Path) -> Result<(), SourceError>,
    ) -> Result<PathBuf, SourceError> {
        let layer = self.dir.join(digest.as_str());
        if layer.is_dir() {
            return Ok(layer);
        }
        let refused = |error: io::Error| SourceError::io(self.dir.display(), &error);
        fs::create_dir_all(self.dir.join(".locks")).map_err(refused)?;
        let lock = File::create(self.dir.join(".locks").join(digest.as_str())).map_err(refused)?;
        lock.lock().map_err(refused)?;
        if layer.is_dir() {
            return Ok(layer);
        }
        let temporary = self.dir.join(format!("{digest}.new"));
        remove_all(&temporary).map_err(refused)?;
        fs::create_dir(&temporary).map_err(refused)?;
        let made = make(&temporary);
        let moved = made.and_then(|()| fs::rename(&temporary, &layer).map_err(refused));
        if moved.is_err() {
            // What is left of it is removed by the next try.
            let _ = remove_all(&temporary);
        }
        moved.map(|()| layer)
    }

    /// A folder for work that is not kept, of this caller alone: services are prepared side by side.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, SourceError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}.{}.{number}", std::process::id());
        let dir = self.dir.join(".scratch").join(name);
        let refused = |error: io::Error| SourceError::io(dir.display(), &error);
        remove_all(&dir).map_err(refused)?;
        fs::create_dir_all(&dir).map_err(refused)?;
        Ok(dir)
    }

    /// What [`Store::remember`] was told last under this name. Counts as a use.
    pub(crate) fn recall<T: DeserializeOwned>(&self, name: &Digest) -> Option<T> {
        let path = self.record(name);
        let record = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        // The time is only for forgetting; a store that cannot be written is still read.
        let _ = touch(&path);
        Some(record)
    }

    pub(crate) fn remember<T: Serialize>(
        &self,
        name: &Digest,
        record: &T,
    ) -> Result<(), SourceError> {
        let path = self.record(name);
        let text = serde_json::to_vec(record)
            .map_err(|error| SourceError::io("writing", &io::Error::other(error)))?;
        write_whole(&path, &text).map_err(|error| SourceError::io(path.display(), &error))
    }

    fn record(&self, name: &Digest) -> PathBuf {
        self.dir.join(".services").join(name.as_str())
    }

    /// Held while a service is prepared: nothing is swept away that its record does not name yet.
    pub(crate) fn at_work(&self) -> Result<File, SourceError> {
        let refused = |error: io::Error| SourceError::io(self.dir.display(), &error);
        fs::create_dir_all(&self.dir).map_err(refused)?;
        let lock = File::create(self.dir.join(".work")).map_err(refused)?;
        lock.lock_shared().map_err(refused)?;
        Ok(lock)
    }

    /// Removes layers and package trees that neither a remembered service nor a replica on this machine uses.
    /// While anything is being prepared it does nothing: whoever is last sweeps.
    pub(crate) fn sweep(&self) {
        let lock = File::create(self.dir.join(".work"));
        if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_err()) {
            return;
        }
        let _ = remove_all(&self.dir.join(".scratch"));
        let mut words = String::new();
        for path in self.fresh_records() {
            words.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
        for project in entries(&self.state_dir.join("replicas")) {
            for replica in entries(&project) {
                words.push_str(&fs::read_to_string(replica.join("spec.json")).unwrap_or_default());
            }
        }
        let used = |path: &Path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            name.starts_with('.') || words.contains(&name)
        };
        for folder in [self.dir.clone(), self.state_dir.join("packages")] {
            for path in entries(&folder).into_iter().filter(|path| !used(path)) {
                // What cannot be removed now is removed by the next sweep.
                let _ = remove_all(&path);
            }
        }
    }

    /// Records that are still counted; the others are removed.
    fn fresh_records(&self) -> Vec<PathBuf> {
        let mut aged: Vec<(Duration, PathBuf)> = entries(&self.dir.join(".services"))
            .into_iter()
            .map(|path| {
                let at = fs::metadata(&path).and_then(|meta| meta.modified()).ok();
                (
                    at.and_then(|at| at.elapsed().ok()).unwrap_or_default(),
                    path,
                )
            })
            .collect();
        aged.sort();
        let mut fresh = Vec::new();
        for (age, path) in aged {
            if age > RECORD_AGE_MAX || fresh.len() == RECORDS_MAX {
                let _ = fs::remove_file(path);
            } else {
                fresh.push(path);
            }
        }
        fresh
    }
}

/// Removes a tree in which programs may have left folders without permissions.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn open_up(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let _ = fs::set_permissions(&dir, fs::Permissions::from_mode(0o700));
        pending.extend(
            entries(&dir)
                .into_iter()
                .filter(|path| path.is_dir() && !path.is_symlink()),
        );
    }
}

fn touch(path: &Path) -> io::Result<()> {
    let now = std::time::UNIX_EPOCH + Duration::from_nanos(crate::clock::unix_ns());
    File::options().write(true).open(path)?.set_modified(now)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let found: BTreeSet<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.into_iter().collect()
}

/// The folder of a layer for a path in a replica's sight: on a merged system `/bin` and its kin lie in `/usr`.
pub(crate) fn in_layer(path: &str) -> PathBuf {
    let path = path.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let merged = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].contains(&first);
    if merged && Path::new("/").join(first).is_symlink() {
        return Path::new("usr").join(path);
    }
    PathBuf::from(path)
}

/// Makes a folder of a layer.
pub(crate) fn folder(layer: &Path, path: &str) -> Result<PathBuf, SourceError> {
    context::folder_below(layer, &in_layer(path)).map_err(|error| SourceError::io(path, &error))
}

#[cfg(test)]
mod tests;
