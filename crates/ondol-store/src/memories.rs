use std::collections::BTreeMap;

use ondol_control::Memory;
use ondol_model::{ProjectName, ServiceName, ServiceRef};
use rusqlite::params;

use crate::projects::{from_json, to_json};
use crate::store::Durability;
use crate::{Store, StoreError};

impl Store {
    /// What was decided about services, for the node that comes after this one.
    pub fn memories(&self) -> Result<BTreeMap<ServiceRef, Memory>, StoreError> {
        let rows = self.read(|db| {
            db.prepare("SELECT project, service, memory FROM memory")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(String, String, String)>>>()
        })?;
        let mut memories = BTreeMap::new();
        for (project, service, memory) in rows {
            let corrupt = |saw: String| StoreError::Corrupt {
                path: self.path().to_path_buf(),
                saw,
            };
            let project = ProjectName::new(&project).map_err(|why| corrupt(why.to_string()))?;
            let service = ServiceName::new(&service).map_err(|why| corrupt(why.to_string()))?;
            let memory = from_json(&project, &memory)?;
            memories.insert(ServiceRef { project, service }, memory);
        }
        Ok(memories)
    }

    /// Keeps what was decided about a service, instead of what was kept. On the disk when it returns.
    pub fn remember(&mut self, service: &ServiceRef, memory: &Memory) -> Result<(), StoreError> {
        let text = to_json(&service.project, memory)?;
        self.write(Durability::PowerCut, |db| {
            db.execute(
                "INSERT INTO memory (project, service, memory) VALUES (?1, ?2, ?3)
                 ON CONFLICT (project, service) DO UPDATE SET memory = ?3",
                params![service.project.as_str(), service.service.as_str(), text],
            )?;
            Ok(())
        })
    }
}
