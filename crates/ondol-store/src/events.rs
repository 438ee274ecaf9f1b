use ondol_control::{Note, NoteKind};
use ondol_model::{EventQuery, ProjectName, ReplicaId, ServiceName, ServiceRef};
use rusqlite::{Connection, Row, params};

use crate::store::Durability;
use crate::{Store, StoreError};

/// Events kept; the oldest leave first. Up to [`SLACK`] more stay until the next clearing.
pub const EVENTS_MAX: u64 = 50_000;

/// How many events are cleared at once, so that not every write pays for it.
const SLACK: u64 = 1_000;

/// One decision, when it was taken, and its place in the order of all decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Grows with every event, never used twice.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// What, about whom, and why.
    pub note: Note,
}

impl Store {
    /// Writes down decisions that were taken at `at_unix_ms`, in this order, and gives the id of the last.
    pub fn add_events(&mut self, notes: &[Note], at_unix_ms: u64) -> Result<u64, StoreError> {
        self.write(Durability::ProcessEnd, |db| {
            let mut insert = db.prepare_cached(
                "INSERT INTO event (at_unix_ms, project, service, replica, kind, why)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for note in notes {
                insert.execute(params![
                    at_unix_ms,
                    note.service.project.as_str(),
                    note.service.service.as_str(),
                    note.replica.as_ref().map(|replica| replica.number),
                    kind_word(note.kind)?,
                    note.why
                ])?;
            }
            drop(insert);
            let newest = newest(db)?;
            // Ids grow by one, so every multiple of SLACK is passed by exactly one call.
            if newest / SLACK != newest.saturating_sub(notes.len() as u64) / SLACK {
                db.execute(
                    "DELETE FROM event WHERE id <= ?1",
                    [newest.saturating_sub(EVENTS_MAX)],
                )?;
            }
            Ok(newest)
        })
    }

    /// The id of the newest event; 0 before the first.
    pub fn newest_event(&self) -> Result<u64, StoreError> {
        self.read(newest)
    }

    /// Events in the order in which they happened.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        let order = if query.oldest_first { "ASC" } else { "DESC" };
        let mut found = self.read(|db| {
            db.prepare_cached(&format!(
                "SELECT id, at_unix_ms, project, service, replica, kind, why FROM event
                 WHERE (?1 IS NULL OR project = ?1) AND (?2 IS NULL OR service = ?2)
                   AND id > ?3 AND at_unix_ms >= ?4
                 ORDER BY id {order} LIMIT ?5"
            ))?
            .query_map(
                params![
                    query.project.as_ref().map(ProjectName::as_str),
                    query.service.as_ref().map(ServiceName::as_str),
                    query.after_id,
                    query.since_unix_ms,
                    query.limit
                ],
                event,
            )?
            .collect::<rusqlite::Result<Vec<StoredEvent>>>()
        })?;
        if !query.oldest_first {
            found.reverse();
        }
        Ok(found)
    }
}

fn newest(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT COALESCE(MAX(id), 0) FROM event", [], |row| {
        row.get(0)
    })
}

fn event(row: &Row) -> rusqlite::Result<StoredEvent> {
    let project: String = row.get(2)?;
    let service: String = row.get(3)?;
    let number: Option<u32> = row.get(4)?;
    let kind: String = row.get(5)?;
    let service = ServiceRef {
        project: ProjectName::new(&project).map_err(unfit)?,
        service: ServiceName::new(&service).map_err(unfit)?,
    };
    Ok(StoredEvent {
        id: row.get(0)?,
        at_unix_ms: row.get(1)?,
        note: Note {
            kind: serde_json::from_value(kind.into()).map_err(unfit)?,
            replica: number.map(|number| ReplicaId {
                project: service.project.clone(),
                service: service.service.clone(),
                number,
            }),
            service,
            why: row.get(6)?,
        },
    })
}

/// The word that serde gives the kind, so that the file and the API speak alike.
fn kind_word(kind: NoteKind) -> rusqlite::Result<String> {
    let quoted = serde_json::to_string(&kind).map_err(unfit)?;
    Ok(quoted.trim_matches('"').to_owned())
}

fn unfit(why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(why))
}
