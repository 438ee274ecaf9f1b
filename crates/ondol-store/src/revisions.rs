use ondol_model::{Digest, Project, ProjectName};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::projects::from_json;
use crate::{Store, StoreError};

/// Revisions kept per project, the current one included.
pub const REVISIONS_MAX: u64 = 20;

/// One revision of a project's definition. It never changes once made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// From 1, by 1 with each change of the definition.
    pub number: u64,
    /// Names the definition by its content.
    pub digest: String,
    /// When, in milliseconds since 1970.
    pub made_unix_ms: u64,
    /// By whom.
    pub made_by: String,
    /// It is the one that is wanted.
    pub current: bool,
}

pub(crate) struct NewRevision<'a> {
    pub(crate) project: &'a ProjectName,
    pub(crate) digest: &'a Digest,
    pub(crate) definition: &'a str,
    pub(crate) made_unix_ms: u64,
    pub(crate) made_by: &'a str,
}

impl Store {
    /// The revisions that are kept of a project, newest first.
    pub fn revisions(&self, project: &ProjectName) -> Result<Vec<Revision>, StoreError> {
        self.read(|db| {
            db.prepare(
                "SELECT number, digest, made_unix_ms, made_by,
                        number = (SELECT revision FROM project WHERE name = ?1)
                 FROM revision WHERE project = ?1 ORDER BY number DESC",
            )?
            .query_map([project.as_str()], |row| {
                Ok(Revision {
                    number: row.get(0)?,
                    digest: row.get(1)?,
                    made_unix_ms: row.get(2)?,
                    made_by: row.get(3)?,
                    current: row.get(4)?,
                })
            })?
            .collect()
        })
    }

    /// A definition as it was; `None` when it is not kept (any more).
    pub fn definition(
        &self,
        project: &ProjectName,
        number: u64,
    ) -> Result<Option<Project>, StoreError> {
        let text: Option<String> = self.read(|db| {
            db.query_row(
                "SELECT definition FROM revision WHERE project = ?1 AND number = ?2",
                params![project.as_str(), number],
                |row| row.get(0),
            )
            .optional()
        })?;
        text.map(|text| from_json(project, &text)).transpose()
    }
}

/// The number of the project's current revision when its content is the same, of a new one otherwise.
pub(crate) fn current_or_new(db: &Transaction, new: &NewRevision) -> rusqlite::Result<u64> {
    let project = new.project.as_str();
    let current: Option<u64> = db
        .query_row(
            "SELECT number FROM revision JOIN project ON name = project AND revision = number
             WHERE project = ?1 AND digest = ?2",
            params![project, new.digest.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(number) = current {
        return Ok(number);
    }
    db.query_row(
        "INSERT INTO revision (project, number, digest, definition, made_unix_ms, made_by)
         SELECT ?1, 1 + COALESCE(MAX(number), 0), ?2, ?3, ?4, ?5 FROM revision WHERE project = ?1
         RETURNING number",
        params![
            project,
            new.digest.as_str(),
            new.definition,
            new.made_unix_ms,
            new.made_by
        ],
        |row| row.get(0),
    )
}

/// Keeps the newest [`REVISIONS_MAX`], of which `current` is one.
pub(crate) fn forget_oldest(
    db: &Transaction,
    project: &ProjectName,
    current: u64,
) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM revision WHERE project = ?1 AND number + ?2 <= ?3",
        params![project.as_str(), REVISIONS_MAX, current],
    )?;
    Ok(())
}
