//! Debian packages fetched like an image: into Ondol's own folder, as any user, never installed on the system.
//!
//! `packages/<digest>/` is the tree of one resolved set; `packages/.sets/<digest of the names>` says which tree
//! a list of names became; `packages/.apt/` is apt's private state.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ondol_model::Digest;
use serde::{Deserialize, Serialize};

use super::{SourceError, SourceErrorKind};
use apt::{Apt, Archive};

mod apt;
mod tree;

/// Names in one request.
const NAMES_MAX: usize = 200;

/// Where packages are kept, and what the machine has already.
#[derive(Clone, Debug)]
pub(crate) struct Depot {
    dir: PathBuf,
    /// dpkg's list of what is installed.
    status: PathBuf,
}

/// The unpacked packages of one request. Both fields are empty when the machine has everything already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    /// Has `usr/`, `etc/`... inside.
    pub(crate) tree: Option<PathBuf>,
    /// Version by package, as Debian writes it.
    pub(crate) versions: BTreeMap<String, String>,
}

impl Depot {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Depot {
            dir: state_dir.join("packages"),
            status: "/var/lib/dpkg/status".into(),
        }
    }

    /// What [`Depot::fetch`] got for these names earlier; asks nobody.
    pub(crate) fn recall(&self, names: &[String]) -> Option<Fetched> {
        let text = fs::read(self.record(names)).ok()?;
        let fetched: Fetched = serde_json::from_slice(&text).ok()?;
        fetched
            .tree
            .as_ref()
            .is_none_or(|tree| tree.is_dir())
            .then_some(fetched)
    }

    /// Fetches what the machine lacks of these packages and all they need. Callers at the same time, also in
    /// other processes, wait for each other and share.
    pub(crate) fn fetch(
        &self,
        names: &[String],
        say: &mut dyn FnMut(String),
    ) -> Result<Fetched, SourceError> {
        check_names(names)?;
        if let Some(fetched) = self.recall(names) {
            return Ok(fetched);
        }
        let _lock = self.lock(say)?;
        if let Some(fetched) = self.recall(names) {
            return Ok(fetched);
        }
        let apt = Apt::new(&self.dir.join(".apt"), &self.status)?;
        let archives = apt.resolve(names, say)?;
        let fetched = Fetched {
            tree: self.unpacked(&apt, names, &archives, say)?,
            versions: archives
                .iter()
                .map(|archive| (archive.package.clone(), archive.version.clone()))
                .collect(),
        };
        let record = self.record(names);
        write_whole(&record, &serde_json::to_vec(&fetched).unwrap_or_default())
            .map_err(|error| SourceError::io(record.display(), &error))?;
        Ok(fetched)
    }

    fn unpacked(
        &self,
        apt: &Apt,
        names: &[String],
        archives: &[Archive],
        say: &mut dyn FnMut(String),
    ) -> Result<Option<PathBuf>, SourceError> {
        if archives.is_empty() {
            return Ok(None);
        }
        let set: BTreeSet<&str> = archives
            .iter()
            .map(|archive| archive.file_name.as_str())
            .collect();
        let digest = Digest::of(&serde_json::to_vec(&set).unwrap_or_default());
        let tree = self.dir.join(digest.as_str());
        if !tree.is_dir() {
            apt.download(names, archives, say)?;
            tree::unpack(&apt.archives_dir(), archives, &tree, say)?;
            apt.clean();
        }
        Ok(Some(tree))
    }

    fn record(&self, names: &[String]) -> PathBuf {
        let names: BTreeSet<&String> = names.iter().collect();
        let digest = Digest::of(&serde_json::to_vec(&names).unwrap_or_default());
        self.dir.join(".sets").join(digest.as_str())
    }

    fn lock(&self, say: &mut dyn FnMut(String)) -> Result<File, SourceError> {
        let refused = |error: std::io::Error| SourceError::io(self.dir.display(), &error);
        fs::create_dir_all(self.dir.join(".sets")).map_err(refused)?;
        let lock = File::create(self.dir.join(".lock")).map_err(refused)?;
        if lock.try_lock().is_err() {
            say("waiting for another service's packages".into());
            lock.lock().map_err(refused)?;
        }
        Ok(lock)
    }
}

/// Names go to apt's command line: only what a Debian name can be, so that none is taken for an option.
fn check_names(names: &[String]) -> Result<(), SourceError> {
    let allowed = |name: &&String| {
        name.len() <= 128
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':' | '=' | '~' | '_')
            })
    };
    if let Some(name) = names.iter().find(|name| !allowed(name)) {
        let shown: String = name.chars().take(40).collect();
        return Err(SourceError::new(
            SourceErrorKind::Package,
            format!("`{shown}` is not the name of a Debian package"),
            "names have lower-case letters, digits, + - and . (x-ondol.packages)",
        ));
    }
    if names.len() > NAMES_MAX {
        return Err(SourceError::new(
            SourceErrorKind::Package,
            format!("{} packages are asked for at once", names.len()),
            format!("name at most {NAMES_MAX}; what they need comes by itself"),
        ));
    }
    Ok(())
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&temporary, content)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests;
