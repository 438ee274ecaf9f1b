use ondol_model::{ServiceName, ServiceRef};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::store::Durability;
use crate::{Store, StoreError};

/// Services that can have an address at once: the hosts of 10.78.0.0/16 without its first (the network)
/// and last (broadcast).
pub const SERVICES_MAX: u16 = u16::MAX - 1;

impl Store {
    /// The number from which a service's virtual address is made (1 is x.x.0.1, 256 is x.x.1.0, at most
    /// [`SERVICES_MAX`]). The same for as long as its project is kept; the lowest free one when it is new.
    pub fn address(&mut self, service: &ServiceRef) -> Result<u16, StoreError> {
        let known = self.read(|db| given(db, service))?;
        if let Some(number) = known {
            return Ok(number);
        }
        self.write(Durability::PowerCut, |db| give(db, service))?
            .ok_or(StoreError::AddressesUsedUp)
    }

    /// Every address that is given, in order of number.
    pub fn addresses(&self) -> Result<Vec<(ServiceRef, u16)>, StoreError> {
        let rows = self.read(|db| {
            db.prepare("SELECT project, service, number FROM address ORDER BY number")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(String, String, u16)>>>()
        })?;
        // Only checked names go in; one that fails the check now belongs to nobody who could ask for it.
        let named = |(project, service, number): (String, String, u16)| {
            let service = ServiceRef {
                project: project.parse().ok()?,
                service: ServiceName::new(&service).ok()?,
            };
            Some((service, number))
        };
        Ok(rows.into_iter().filter_map(named).collect())
    }
}

fn given(db: &rusqlite::Connection, service: &ServiceRef) -> rusqlite::Result<Option<u16>> {
    db.query_row(
        "SELECT number FROM address WHERE project = ?1 AND service = ?2",
        params![service.project.as_str(), service.service.as_str()],
        |row| row.get(0),
    )
    .optional()
}

fn give(db: &Transaction, service: &ServiceRef) -> rusqlite::Result<Option<u16>> {
    let number: u16 = db.query_row(
        "SELECT COALESCE(MIN(before.number), 0) + 1 FROM (SELECT 0 AS number UNION SELECT number FROM address) before
         WHERE NOT EXISTS (SELECT 1 FROM address after WHERE after.number = before.number + 1)",
        [],
        |row| row.get(0),
    )?;
    if number > SERVICES_MAX {
        return Ok(None);
    }
    db.execute(
        "INSERT INTO address (project, service, number) VALUES (?1, ?2, ?3)",
        params![service.project.as_str(), service.service.as_str(), number],
    )?;
    Ok(Some(number))
}
