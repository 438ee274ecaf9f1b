use std::net::{IpAddr, SocketAddr};

use ondol_model::{ServiceName, Transport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ReplicaState, ScalingState};

/// A service and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceState {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ServiceName,
    /// All its replicas in one word.
    pub phase: ServicePhase,
    /// Replicas that may be sent traffic; of a job, those that are done.
    pub ready: u32,
    /// Replicas that are wanted.
    pub wanted: u32,
    /// It runs to its end instead of for ever.
    pub job: bool,
    /// Everything wanted of it is ready or done, the proxy knows it, and nothing else is left.
    pub settled: bool,
    /// What it waits for or does just now, for people: `waits for db to be ready`, `npm ci (12 s)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// What will not come right by waiting a little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Why the wanted definition was taken back, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
    /// What runs: `redis 7.0.15 (Debian)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// Where the other services of the project call it.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_ip: Option<IpAddr>,
    /// Ports that it listens on, as far as they are known.
    pub ports: Vec<u16>,
    /// Ports of the machine that lead to it.
    pub published: Vec<PublishedState>,
    /// Requests to it are stopped, because too many failed lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<CircuitState>,
    /// How its load decides how many replicas there are, where its file asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingState>,
    /// Its replicas, by number; one-off runs last.
    pub replicas: Vec<ReplicaState>,
}

/// A circuit that is not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CircuitState {
    /// The pause is over: some requests are let through to see whether it works again.
    pub half_open: bool,
    /// What was seen, for people: `5 of 8 requests failed within 10 s`.
    pub reason: String,
}

impl CircuitState {
    /// The words shown to people.
    pub fn word(&self) -> &'static str {
        match self.half_open {
            true => "circuit half open",
            false => "circuit open",
        }
    }
}

/// All replicas of a service in one word, the least settled first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServicePhase {
    /// A replica does not fit on the machine.
    Pending,
    /// A replica waits for a dependency.
    Waiting,
    /// Packages, sources or dependencies are being made available.
    Preparing,
    /// They cannot be, or it ended and is not started again.
    Failed,
    /// A replica ended and is started again after a pause.
    Backoff,
    /// A replica runs and has not been ready yet.
    Starting,
    /// A replica fails its readiness probe.
    Unready,
    /// Replicas are replaced by ones of a newer definition.
    Replacing,
    /// As many are ready as are wanted.
    Ready,
    /// Replicas are being stopped.
    Stopping,
    /// None runs until somebody asks for it.
    Asleep,
    /// None runs, as was asked.
    Stopped,
    /// It has done its work.
    Done,
}

/// A port of the machine that leads to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedState {
    /// Port of the service.
    pub target: u16,
    /// TCP or UDP.
    #[schema(value_type = String)]
    pub transport: Transport,
    /// Where it is bound on the machine; left out when it could not be.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Why it is not bound: `port 80 is in use`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ServicePhase {
    /// The word shown to people.
    pub fn word(self) -> &'static str {
        match self {
            ServicePhase::Pending => "pending",
            ServicePhase::Waiting => "waiting",
            ServicePhase::Preparing => "preparing",
            ServicePhase::Failed => "failed",
            ServicePhase::Backoff => "crashed",
            ServicePhase::Starting => "starting",
            ServicePhase::Unready => "unready",
            ServicePhase::Replacing => "replacing",
            ServicePhase::Ready => "ready",
            ServicePhase::Stopping => "stopping",
            ServicePhase::Asleep => "asleep",
            ServicePhase::Stopped => "stopped",
            ServicePhase::Done => "done",
        }
    }
}
