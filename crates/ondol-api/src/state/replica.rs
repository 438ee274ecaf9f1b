use std::net::IpAddr;

use ondol_model::{Exit, Phase, ProbeKind, ReplicaId, ServiceName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::CircuitState;

/// A replica and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaState {
    /// What routes and commands name it by: `web-1`.
    pub name: String,
    /// Its service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// Its number among the replicas of the service.
    pub number: u32,
    /// It is a one-off (`ondol run`).
    pub one_off: bool,
    /// Which start of it this is, by number; never used twice on a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// Where it is in its life.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The definition it was started with.
    pub definition: String,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its address.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Since when it is in this phase.
    pub since_unix_ms: u64,
    /// It ended because it had done its work.
    pub done: bool,
    /// How often it was started again because it ended.
    pub restarts: u32,
    /// How its last run ended.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// When it is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_unix_ms: Option<u64>,
    /// The probe that decides now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeState>,
    /// Requests to it are stopped, because too many failed lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<CircuitState>,
    /// The last decision about it, or what it waits for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The probe that decides, and what it saw last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeState {
    /// Which probe.
    #[schema(value_type = String)]
    pub kind: ProbeKind,
    /// Whether it counts as a success.
    pub ok: bool,
    /// What it expects: `GET /health answers 200 to 399`.
    pub expected: String,
    /// What was asked and answered: `GET /health 503`; left out before the first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Failures in a row that decide.
    pub failures_max: u32,
}

/// What is needed to run a program inside a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExecTarget {
    /// The replica, as `project/service-number`.
    pub replica: String,
    /// Its main process.
    pub pid: u32,
    /// What the runtime's `enter` takes, of the same version as the node.
    #[schema(value_type = Object)]
    pub enter: serde_json::Value,
}

/// What a replica takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The replica: `web-1`.
    pub replica: String,
    /// Thousandths of a core, over the last moments.
    pub cpu_milli: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Memory at which it is ended, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: u32,
}

impl ReplicaState {
    /// The name of a replica inside its project: `web-1`.
    pub fn name_of(replica: &ReplicaId) -> String {
        format!("{}-{}", replica.service, replica.number)
    }
}
