use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ondol_control::Wish;
use ondol_model::{Digest, Project, ProjectName, ServiceName};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use crate::revisions::{self, NewRevision};
use crate::store::Durability;
use crate::{Store, StoreError};

/// A project as it is wanted, and the revision of its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The wish.
    pub wish: Wish,
    /// The revision that `wish.project` is.
    pub revision: u64,
}

struct Row {
    name: String,
    revision: u64,
    scale: String,
    stopped: String,
    definition: String,
}

impl Store {
    /// Every project that is wanted, in order of name.
    pub fn wishes(&self) -> Result<Vec<Kept>, StoreError> {
        let rows = self.read(|db| {
            db.prepare(
                "SELECT name, revision, scale, stopped, definition
                 FROM project JOIN revision ON project = name AND number = revision ORDER BY name",
            )?
            .query_map([], |row| {
                Ok(Row {
                    name: row.get(0)?,
                    revision: row.get(1)?,
                    scale: row.get(2)?,
                    stopped: row.get(3)?,
                    definition: row.get(4)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<Row>>>()
        })?;
        rows.into_iter()
            .map(|row| row.into_kept(self.path()))
            .collect()
    }

    /// Wants a project like this from now on, and gives the revision of its definition: a new one when the definition
    /// differs from the current one, made at `at_unix_ms` by `by`. On the disk when it returns; a wish that is
    /// already kept costs no write.
    pub fn keep(&mut self, wish: &Wish, by: &str, at_unix_ms: u64) -> Result<u64, StoreError> {
        let name = &wish.project.name;
        let definition = to_json(name, wish.project.as_ref())?;
        let digest = Digest::of(definition.as_bytes());
        let scale = to_json(name, &wish.scale)?;
        let stopped = to_json(name, &wish.stopped)?;
        if let Some(revision) = self.same(name, &digest, &scale, &stopped)? {
            return Ok(revision);
        }
        let new = NewRevision {
            project: name,
            digest: &digest,
            definition: &definition,
            made_unix_ms: at_unix_ms,
            made_by: by,
        };
        self.write(Durability::PowerCut, |db| {
            let number = revisions::current_or_new(db, &new)?;
            db.execute(
                "INSERT INTO project (name, revision, scale, stopped) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET revision = ?2, scale = ?3, stopped = ?4",
                params![name.as_str(), number, scale, stopped],
            )?;
            revisions::forget_oldest(db, name, number)?;
            forget_memories(db, &wish.project)?;
            Ok(number)
        })
    }

    /// Forgets a project with its revisions, addresses and ports; its events stay. True when there was one.
    pub fn discard(&mut self, project: &ProjectName) -> Result<bool, StoreError> {
        self.write(Durability::PowerCut, |db| {
            let was_there = delete(db, "DELETE FROM project WHERE name = ?1", project)?;
            delete(db, "DELETE FROM revision WHERE project = ?1", project)?;
            delete(db, "DELETE FROM address WHERE project = ?1", project)?;
            delete(db, "DELETE FROM port WHERE project = ?1", project)?;
            delete(db, "DELETE FROM memory WHERE project = ?1", project)?;
            Ok(was_there)
        })
    }

    fn same(
        &self,
        name: &ProjectName,
        digest: &Digest,
        scale: &str,
        stopped: &str,
    ) -> Result<Option<u64>, StoreError> {
        self.read(|db| {
            db.query_row(
                "SELECT revision FROM project JOIN revision ON project = name AND number = revision
                 WHERE name = ?1 AND digest = ?2 AND scale = ?3 AND stopped = ?4",
                params![name.as_str(), digest.as_str(), scale, stopped],
                |row| row.get(0),
            )
            .optional()
        })
    }
}

impl Row {
    fn into_kept(self, path: &Path) -> Result<Kept, StoreError> {
        let name = ProjectName::new(&self.name).map_err(|why| StoreError::Corrupt {
            path: path.to_path_buf(),
            saw: why.to_string(),
        })?;
        let project: Project = from_json(&name, &self.definition)?;
        let scale: BTreeMap<ServiceName, u32> = from_json(&name, &self.scale)?;
        let stopped: BTreeSet<ServiceName> = from_json(&name, &self.stopped)?;
        Ok(Kept {
            wish: Wish {
                project: Arc::new(project),
                scale,
                stopped,
            },
            revision: self.revision,
        })
    }
}

/// Of services that are not in the project any more.
fn forget_memories(db: &Transaction, project: &Project) -> rusqlite::Result<()> {
    let known: Vec<String> = db
        .prepare("SELECT service FROM memory WHERE project = ?1")?
        .query_map([project.name.as_str()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let wanted = |name: &String| {
        let mut names = project.services.keys();
        names.any(|service| service.as_str() == name)
    };
    for service in known.iter().filter(|name| !wanted(name)) {
        let row = params![project.name.as_str(), service];
        db.execute(
            "DELETE FROM memory WHERE project = ?1 AND service = ?2",
            row,
        )?;
    }
    Ok(())
}

fn delete(db: &Transaction, statement: &str, project: &ProjectName) -> rusqlite::Result<bool> {
    Ok(db.execute(statement, [project.as_str()])? > 0)
}

pub(crate) fn to_json(
    project: &ProjectName,
    value: &impl serde::Serialize,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|why| unreadable(project, &why))
}

pub(crate) fn from_json<T: DeserializeOwned>(
    project: &ProjectName,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| unreadable(project, &why))
}

fn unreadable(project: &ProjectName, why: &serde_json::Error) -> StoreError {
    StoreError::Unreadable {
        project: project.clone(),
        why: why.to_string(),
    }
}
