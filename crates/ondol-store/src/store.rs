use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use crate::StoreError;
use crate::lock::StateLock;
use crate::schema::{self, MigrateError};

/// How long another reader of the file (a backup, a curious person) may hold it.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// The state of one node. Dropping it closes the file and gives the folder free.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    _lock: StateLock,
}

/// What a transaction must survive before it is said to be done.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// A power cut: the log is on the disk before the call returns.
    PowerCut,
    /// The end of this process.
    ProcessEnd,
}

impl Store {
    /// Opens `dir/state.db`, making the folder (0700) and the file where they are missing, checks that the file is
    /// whole and brings it to this program's schema.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        make_private(dir)?;
        let lock = StateLock::take(dir)?;
        let path = dir.join("state.db");
        let mut db = Connection::open(&path).map_err(|error| StoreError::sql(&path, error))?;
        prepare(&mut db, &path)?;
        Ok(Store {
            db,
            path,
            _lock: lock,
        })
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads with `work`.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.db).map_err(|error| StoreError::sql(&self.path, error))
    }

    /// Does `work` whole or not at all.
    pub(crate) fn write<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let synchronous = match durability {
            Durability::PowerCut => "FULL",
            Durability::ProcessEnd => "NORMAL",
        };
        let work = || {
            self.db.pragma_update(None, "synchronous", synchronous)?;
            let transaction = self.db.transaction()?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        work().map_err(|error| StoreError::sql(&self.path, error))
    }
}

/// Makes `dir` when it is missing, and closed to others in any case.
fn make_private(dir: &Path) -> Result<(), StoreError> {
    let refuse = |source| StoreError::io(dir, source);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(refuse)?;
    let mode = fs::metadata(dir).map_err(refuse)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(refuse)?;
    }
    Ok(())
}

fn prepare(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let refuse = |error| StoreError::sql(path, error);
    db.busy_timeout(BUSY_MAX).map_err(refuse)?;
    let saw: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(refuse)?;
    if saw != "ok" {
        return Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            saw,
        });
    }
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .map_err(refuse)?;
    db.pragma_update(None, "foreign_keys", true)
        .map_err(refuse)?;
    schema::migrate(db).map_err(|error| match error {
        MigrateError::TooNew(found) => StoreError::TooNew {
            path: path.to_path_buf(),
            found,
            known: schema::VERSION,
        },
        MigrateError::Sql(error) => refuse(error),
    })
}
