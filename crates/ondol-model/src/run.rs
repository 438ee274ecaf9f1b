use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Digest, Project, ReplicaId, RunId, Service};

/// One start of a replica, with all that it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The replica.
    pub replica: ReplicaId,
    /// This start of it.
    pub run: RunId,
    /// The definition it is started with; what a survivor is compared by.
    pub definition: Digest,
    /// The project as it was when that definition was wanted: volumes, secrets and configs are found there.
    pub project: Arc<Project>,
    /// Its `pre_start` steps for the service as a whole are part of this start: no other one has done them.
    #[serde(default)]
    pub initiates: bool,
    /// The service, which may differ from the project's (a one-off command, a resized limit).
    pub service: Arc<Service>,
}
