use ondol_model::{ServiceRef, Transport};
use rusqlite::{OptionalExtension, params};

use crate::store::Durability;
use crate::{Store, StoreError};

/// A published port whose number on the machine the file leaves open (`ports: ["80"]`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortKey {
    /// The service.
    pub service: ServiceRef,
    /// The port it listens on.
    pub target: u16,
    /// TCP or UDP.
    pub transport: Transport,
}

impl Store {
    /// The port that was chosen for it before: to be tried first, so that an address that somebody
    /// wrote down stays true.
    pub fn port(&self, key: &PortKey) -> Result<Option<u16>, StoreError> {
        self.read(|db| {
            db.query_row(
                "SELECT published FROM port
                 WHERE project = ?1 AND service = ?2 AND target = ?3 AND transport = ?4",
                params![
                    key.service.project.as_str(),
                    key.service.service.as_str(),
                    key.target,
                    word(key.transport)
                ],
                |row| row.get(0),
            )
            .optional()
        })
    }

    /// Remembers the port that was chosen for it, until its project is discarded.
    pub fn keep_port(&mut self, key: &PortKey, published: u16) -> Result<(), StoreError> {
        self.write(Durability::PowerCut, |db| {
            db.execute(
                "INSERT INTO port (project, service, target, transport, published) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET published = ?5",
                params![
                    key.service.project.as_str(),
                    key.service.service.as_str(),
                    key.target,
                    word(key.transport),
                    published
                ],
            )?;
            Ok(())
        })
    }
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}
