use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ondol_model::ProjectName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ProjectState;

/// Everything that the node knows about its projects at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeState {
    /// By name; each replaced as a whole when something of it changes.
    pub projects: BTreeMap<ProjectName, Arc<ProjectState>>,
}

/// The node about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Of Ondol.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Since when it runs.
    pub started_unix_ms: u64,
    /// It leaves when its last project is gone.
    pub ephemeral: bool,
    /// How replicas are kept apart.
    pub sandbox: Sandbox,
    /// Its state folder.
    #[schema(value_type = String)]
    pub state_dir: PathBuf,
    /// Where its telemetry listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub telemetry: Vec<SocketAddr>,
    /// Number of projects.
    pub projects: u32,
    /// Number of replicas.
    pub replicas: u32,
}

/// How replicas are kept apart from the machine and each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// Namespaces on the machine.
    Root,
    /// Namespaces inside one user namespace.
    User,
    /// None: `$PORT` and loopback addresses.
    None,
}

/// One thing that `ondol doctor` looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// How much it matters.
    pub level: FindingLevel,
    /// What was looked at: `network namespaces`.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Something is not enforced or not available; services run.
    Limited,
    /// Services cannot run like this.
    Problem,
}
