use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ondol_model::{EndpointTable, Snapshot};
use serde::{Deserialize, Serialize};

/// Version of the file's format; one that is not known is not read.
const FORMAT: u32 = 1;

/// The last good state, which a proxy begins with when no node is there to tell it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    format: u32,
    pub snapshot: Snapshot,
    pub tables: Vec<EndpointTable>,
}

impl Saved {
    pub(crate) fn new(snapshot: Snapshot, tables: Vec<EndpointTable>) -> Self {
        Saved {
            format: FORMAT,
            snapshot,
            tables,
        }
    }

    /// What `folder` holds; `None` when there is nothing that can be used.
    pub(crate) fn read(folder: &Path) -> Option<Saved> {
        let saved: Saved = serde_json::from_slice(&fs::read(path(folder)).ok()?).ok()?;
        (saved.format == FORMAT).then_some(saved)
    }

    /// Replaces the file at once or not at all. It is not forced to the disk: after a crash of the machine
    /// no replica lives to which it could lead. Only this user may read it: private keys are in it.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let new = folder.join("last.json.new");
        let _ = fs::remove_file(&new);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(new, path(folder))
    }
}

/// Makes this process the one proxy of `folder`, for as long as the file is open: a second one would take the
/// control socket, and the next node would find sockets that it cannot have.
pub(crate) fn lock(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let what = format!("another proxy serves {}", folder.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("last.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        let folder = std::env::temp_dir().join(format!("ondol-saved-{}", std::process::id()));
        assert!(Saved::read(&folder).is_none());
        let snapshot = Snapshot {
            version: 3,
            ..Snapshot::default()
        };
        Saved::new(snapshot.clone(), Vec::new())
            .write(&folder)
            .unwrap();
        assert_eq!(Saved::read(&folder).unwrap().snapshot, snapshot);
        let mode = fs::metadata(path(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(path(&folder), b"{\"format\":1,").unwrap();
        assert!(Saved::read(&folder).is_none());
        let later = Saved {
            format: 2,
            snapshot,
            tables: Vec::new(),
        };
        later.write(&folder).unwrap();
        assert!(Saved::read(&folder).is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
