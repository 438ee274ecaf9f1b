use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Healthcheck, Metrics, MountSource, Probes, Project, RestartPolicy, Rollout, ServiceName,
    Traffic,
};

/// Names a definition by its content: the first 16 hexadecimal digits of a SHA-256.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(Arc<str>);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(16);
        for byte in &Sha256::digest(bytes)[..8] {
            let _ = write!(text, "{byte:02x}");
        }
        Digest(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Project {
    /// The digest of all that a running replica of `service` was started from. Two definitions with the same
    /// digest differ at most in what is changed without a restart: how many, how they are probed, updated,
    /// ordered, routed to, restarted and watched. `None` when there is no such service.
    pub fn definition(&self, service: &ServiceName) -> Option<Digest> {
        let mut started_from = self.services.get(service)?.as_ref().clone();
        started_from.replicas = 0;
        started_from.autoscale = None;
        started_from.update = Rollout::default();
        started_from.rollback = Rollout::default();
        started_from.restart = RestartPolicy::default();
        started_from.healthcheck = Healthcheck::default();
        started_from.probes = Probes::default();
        started_from.depends_on.clear();
        started_from.routes.clear();
        started_from.traffic = Traffic::default();
        started_from.metrics = Metrics::default();
        started_from.watch.clear();
        started_from.post_start.clear();
        started_from.pre_stop.clear();
        started_from.placement_constraints.clear();
        let secrets: Vec<_> = started_from
            .secrets
            .iter()
            .map(|file| self.secrets.get(&file.source))
            .collect();
        let configs: Vec<_> = started_from
            .configs
            .iter()
            .map(|file| self.configs.get(&file.source))
            .collect();
        // Only what it mounts: a volume that another service gets must not replace this one.
        let volumes: Vec<_> = started_from
            .mounts
            .iter()
            .filter_map(|mount| match &mount.source {
                MountSource::Volume { name, .. } => self.volumes.get(name),
                _ => None,
            })
            .collect();
        let all =
            serde_json::to_vec(&(&started_from, secrets, configs, volumes)).unwrap_or_default();
        Some(Digest::of(&all))
    }
}
