use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Mount, Service};

/// What a one-off run of a service changes of its file's words (`docker compose run`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OneOff {
    /// Program and arguments instead of the service's; empty keeps them.
    pub command: Vec<String>,
    /// Instead of the service's; the service's command stays what it is.
    pub entrypoint: Option<Vec<String>>,
    /// Over the service's.
    pub environment: BTreeMap<String, String>,
    /// Instead of the service's.
    pub user: Option<String>,
    /// Instead of the service's.
    pub working_dir: Option<String>,
    /// Beside the service's; one at the same target wins.
    pub mounts: Vec<Mount>,
    /// It waits for nothing that the service depends on.
    pub alone: bool,
    /// See [`Service::attended`].
    pub attended: bool,
    /// It is discarded when it ends: nobody will ask how.
    pub fleeting: bool,
}

impl OneOff {
    /// The service as this run has it.
    pub fn of(&self, service: &Service) -> Service {
        let mut service = service.clone();
        if !self.command.is_empty() {
            service.command = Some(self.command.clone());
        }
        if self.entrypoint.is_some() {
            service.entrypoint.clone_from(&self.entrypoint);
        }
        service.environment.extend(self.environment.clone());
        service.user = self.user.clone().or(service.user);
        let covered = |mount: &Mount| self.mounts.iter().any(|own| own.target == mount.target);
        service.mounts.retain(|mount| !covered(mount));
        service.mounts.extend(self.mounts.clone());
        if self.alone {
            service.depends_on.clear();
        }
        service.attended = self.attended;
        service.start_dir.clone_from(&self.working_dir);
        service
    }
}
