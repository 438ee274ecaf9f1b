use rusqlite::params;

use ondol_model::ProjectName;

use crate::store::Durability;
use crate::{Store, StoreError};

/// Entries kept; the oldest leave first.
pub const AUDIT_MAX: u64 = 10_000;

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Who asked: `user 1000`.
    pub who: String,
    /// What was asked, in words: `scale web to 3`.
    pub did: String,
    /// The project it was about.
    pub project: Option<ProjectName>,
}

impl Store {
    /// Writes down what somebody asked for; on the disk when it returns.
    pub fn record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.write(Durability::PowerCut, |db| {
            db.execute(
                "INSERT INTO audit (at_unix_ms, who, did, project) VALUES (?1, ?2, ?3, ?4)",
                params![
                    entry.at_unix_ms,
                    entry.who,
                    entry.did,
                    entry.project.as_ref().map(ProjectName::as_str)
                ],
            )?;
            db.execute(
                "DELETE FROM audit WHERE id + ?1 <= ?2",
                params![AUDIT_MAX, db.last_insert_rowid()],
            )?;
            Ok(())
        })
    }

    /// The newest `limit` entries, newest first.
    pub fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|db| {
            db.prepare("SELECT at_unix_ms, who, did, project FROM audit ORDER BY id DESC LIMIT ?1")?
                .query_map([limit], |row| {
                    let project: Option<String> = row.get(3)?;
                    Ok(AuditEntry {
                        at_unix_ms: row.get(0)?,
                        who: row.get(1)?,
                        did: row.get(2)?,
                        project: project.and_then(|name| name.parse().ok()),
                    })
                })?
                .collect()
        })
    }
}
