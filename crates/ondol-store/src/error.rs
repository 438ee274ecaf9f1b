use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ondol_model::ProjectName;
use rusqlite::ErrorCode;

/// Why the state could not be opened, read or written. `Display` says what happened; [`StoreError::hint`] what to do.
#[derive(Debug)]
pub enum StoreError {
    /// Another node uses this state folder.
    Locked {
        /// The state folder.
        dir: PathBuf,
        /// The other node's process, when it could be read.
        pid: Option<u32>,
    },
    /// This user cannot write the folder or the file, or nobody can.
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        saw: String,
    },
    /// The disk is full.
    Full(PathBuf),
    /// The file is not a database any more.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check said.
        saw: String,
    },
    /// A newer Ondol wrote this file.
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// A stored project that this program cannot read.
    Unreadable {
        /// Whose.
        project: ProjectName,
        /// What did not fit.
        why: String,
    },
    /// No address is left for another service.
    AddressesUsedUp,
    /// The system refused a file operation.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Anything else that SQLite said.
    Sql {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Sorts an error of SQLite by what a person would do about it.
    pub(crate) fn sql(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(path),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::NotWritable {
                path,
                saw: source.to_string(),
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
                path,
                saw: source.to_string(),
            },
            _ => StoreError::Sql { path, source },
        }
    }

    /// Sorts an error of the system by what a person would do about it.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(path),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::NotWritable {
                    path,
                    saw: source.to_string(),
                }
            }
            _ => StoreError::Io { path, source },
        }
    }

    /// What to do about it, in one sentence.
    pub fn hint(&self) -> String {
        match self {
            StoreError::Locked { .. } => {
                "use the node that runs, or set ONDOL_STATE to another folder for a second one".into()
            }
            StoreError::NotWritable { path, .. } => format!(
                "make {} writable for this user, or set ONDOL_STATE to a folder that is",
                path.display()
            ),
            StoreError::Full(path) => format!(
                "free some space on the disk of {} and start again; nothing that was stored is lost",
                path.display()
            ),
            StoreError::Corrupt { path, .. } => format!(
                "running services go on; put a copy of {} back, or move it away and `ondol up` each project again \
                 (services that nobody asks for are stopped then)",
                path.display()
            ),
            StoreError::TooNew { .. } => {
                "start the newer ondol again, or set ONDOL_STATE to another folder".into()
            }
            StoreError::Unreadable { .. } => {
                "start the ondol that stored it, `ondol down` the project there, and `ondol up` it with this one".into()
            }
            StoreError::AddressesUsedUp => "`ondol down` a project that is not needed".into(),
            StoreError::Io { path, .. } | StoreError::Sql { path, .. } => {
                format!("check the disk and the permissions of {}", path.display())
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked {
                dir,
                pid: Some(pid),
            } => write!(
                f,
                "another node (process {pid}) uses the state folder {}",
                dir.display()
            ),
            StoreError::Locked { dir, pid: None } => {
                write!(f, "another node uses the state folder {}", dir.display())
            }
            StoreError::NotWritable { path, saw } => {
                write!(f, "{} cannot be written: {saw}", path.display())
            }
            StoreError::Full(path) => {
                write!(f, "the disk is full: {} cannot grow", path.display())
            }
            StoreError::Corrupt { path, saw } => {
                write!(f, "{} is damaged: {saw}", path.display())
            }
            StoreError::TooNew { path, found, known } => write!(
                f,
                "{} was written by a newer ondol (schema {found}; this one knows up to {known})",
                path.display()
            ),
            StoreError::Unreadable { project, why } => {
                write!(f, "the stored project `{project}` cannot be read: {why}")
            }
            StoreError::AddressesUsedUp => f.write_str("every service address is in use"),
            StoreError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            StoreError::Sql { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io { source, .. } => Some(source),
            StoreError::Sql { source, .. } => Some(source),
            _ => None,
        }
    }
}
