use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ondol_model::{
    Inventory, Observation, OneOff, Project, ProjectName, ReplicaId, ServiceName, ServiceRef,
};
use serde::{Deserialize, Serialize};

use crate::Memory;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// What was found when the node started. Comes once, after the first [`Event::Want`]s and before anything else,
    /// so that nothing is started that runs already and nothing is left that nobody wants.
    Found(Inventory),
    /// What an earlier node had written down by [`crate::Action::Remember`]. Comes once, after the first
    /// [`Event::Want`]s and before [`Event::Found`].
    Remembered(BTreeMap<ServiceRef, Memory>),
    /// A project is wanted like this, from now on.
    Want(Wish),
    /// A person asked for something.
    Asked(Command),
    /// An engine saw something.
    Saw(Observation),
    /// Time has passed: sent when the moment of [`crate::Control::poll_timeout`] has come.
    Tick,
}

/// A project as it is wanted: what its files mean, and what people said on top of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// What the files mean.
    pub project: Arc<Project>,
    /// Number of replicas where `scale` was used since.
    pub scale: BTreeMap<ServiceName, u32>,
    /// Services that were stopped on request.
    pub stopped: BTreeSet<ServiceName>,
}

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Replace every replica of these services by a new start of the same definition; all services when empty.
    Restart {
        /// The project.
        project: ProjectName,
        /// Its services.
        services: Vec<ServiceName>,
    },
    /// Watched files of these services changed: prepare again and replace.
    Rebuild {
        /// The project.
        project: ProjectName,
        /// Its services.
        services: Vec<ServiceName>,
    },
    /// End this replica and start it again.
    Kill {
        /// The replica.
        replica: ReplicaId,
    },
    /// Run a service once with another command, beside its replicas; it is not restarted,
    /// serves no traffic and is discarded when [`Command::Forget`] names it.
    RunOnce {
        /// The project.
        project: ProjectName,
        /// The service.
        service: ServiceName,
        /// Its number among the replicas; chosen by the caller above 10000 so that it meets no replica.
        number: u32,
        /// What is different from its replicas.
        once: Box<OneOff>,
    },
    /// Discard a one-off run.
    Forget {
        /// The one-off.
        replica: ReplicaId,
    },
    /// Stop everything of a project in reverse order of dependency, then discard it.
    Down {
        /// The project.
        project: ProjectName,
        /// Remove its named and anonymous volumes too.
        volumes: bool,
    },
}
