use rusqlite::Connection;

/// What brings the schema from version `n` to `n + 1`. Never edited once released: a change is a new entry.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE revision (
        project     TEXT    NOT NULL,
        number      INTEGER NOT NULL,
        digest      TEXT    NOT NULL,
        definition  TEXT    NOT NULL,
        made_unix_ms INTEGER NOT NULL,
        made_by     TEXT    NOT NULL,
        PRIMARY KEY (project, number)
    ) STRICT;
    CREATE TABLE project (
        name        TEXT    PRIMARY KEY,
        revision    INTEGER NOT NULL,
        scale       TEXT    NOT NULL,
        stopped     TEXT    NOT NULL,
        FOREIGN KEY (name, revision) REFERENCES revision (project, number)
    ) STRICT;
    CREATE TABLE address (
        project     TEXT    NOT NULL,
        service     TEXT    NOT NULL,
        number      INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (project, service)
    ) STRICT;
    CREATE TABLE port (
        project     TEXT    NOT NULL,
        service     TEXT    NOT NULL,
        target      INTEGER NOT NULL,
        transport   TEXT    NOT NULL,
        published   INTEGER NOT NULL,
        PRIMARY KEY (project, service, target, transport)
    ) STRICT;
    CREATE TABLE event (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        at_unix_ms  INTEGER NOT NULL,
        project     TEXT    NOT NULL,
        service     TEXT    NOT NULL,
        replica     INTEGER,
        kind        TEXT    NOT NULL,
        why         TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX event_of_service ON event (project, service, id);
    CREATE TABLE audit (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        at_unix_ms  INTEGER NOT NULL,
        who         TEXT    NOT NULL,
        did         TEXT    NOT NULL,
        project     TEXT
    ) STRICT;
",
    "
    CREATE TABLE memory (
        project     TEXT    NOT NULL,
        service     TEXT    NOT NULL,
        memory      TEXT    NOT NULL,
        PRIMARY KEY (project, service)
    ) STRICT;
",
];

/// The version that [`migrate`] leaves behind.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Why [`migrate`] left the file as it was.
pub(crate) enum MigrateError {
    /// A newer program wrote it, at this version.
    TooNew(u32),
    /// SQLite refused a step.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> Self {
        MigrateError::Sql(error)
    }
}

/// Brings the file to [`VERSION`], each step whole or not at all.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), MigrateError> {
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(MigrateError::TooNew(found));
    }
    for (number, step) in (1..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = db.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
