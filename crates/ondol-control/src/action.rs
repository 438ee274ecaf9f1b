use std::sync::Arc;
use std::time::Duration;

use ondol_model::{
    Check, Digest, EndpointTable, Hook, ProbeKind, Project, ProjectName, ReplicaId, Run, RunId,
    ServiceName, ServiceRef,
};
use serde::{Deserialize, Serialize};

use crate::Memory;

/// Something to do. The shell performs it and never waits: what came of it returns as an observation.
///
/// Actions about one replica are performed in the order they come in: a number is given again after
/// [`Action::Discard`], so that a start of the next one may follow at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make packages, sources and dependencies of a service available.
    /// Answered by `Preparing`, then `Prepared` or `PrepareFailed`.
    Prepare {
        /// The project.
        project: Arc<Project>,
        /// The service.
        service: ServiceName,
        /// Its definition.
        definition: Digest,
        /// Do it again though nothing of the definition changed (watched files did).
        again: bool,
    },
    /// Start a replica's process. Answered by `Started` or `Exited`.
    Start(Box<Run>),
    /// Ask once. Answered by `Probed`, also when `timeout` is over.
    Probe {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// Which probe.
        kind: ProbeKind,
        /// What to ask.
        check: Check,
        /// The port for checks that name none.
        port: Option<u16>,
        /// When to give up.
        timeout: Duration,
    },
    /// Run a hook inside a replica. Answered by `HookEnded`, also when `timeout` is over.
    Hook {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// When in its life.
        when: Hooked,
        /// What to run.
        hook: Hook,
        /// When to give up.
        timeout: Duration,
    },
    /// Hand a service's endpoints to the proxy. Answered by `Acknowledged`.
    Publish(EndpointTable),
    /// Tell when nothing is in flight to a replica that the proxy no longer picks. Answered by `Drained`.
    AwaitDrained {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
    },
    /// Send the stop signal to a replica's main process.
    Signal {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// `SIGTERM`, `SIGINT`, `15`...
        signal: String,
    },
    /// End every process of a replica now. Answered by `Exited`.
    Kill {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
    },
    /// Remove a replica's folder and writable layer: it is not wanted any more.
    Discard {
        /// The replica.
        replica: ReplicaId,
        /// Remove its anonymous volumes too.
        volumes: bool,
    },
    /// Every replica of a project is gone: remove what is left of it.
    DiscardProject {
        /// The project.
        project: ProjectName,
        /// Remove its volumes too.
        volumes: bool,
    },
    /// Look how much a service has to do. Answered by `Measured`, with what can be known of it.
    Measure {
        /// The service.
        service: ServiceRef,
        /// Its replicas whose usage counts.
        replicas: Vec<(ReplicaId, RunId)>,
        /// PromQL expressions whose value counts.
        queries: Vec<String>,
    },
    /// Keep this about a service for another node, on the disk before anything that follows is done.
    Remember {
        /// The service.
        service: ServiceRef,
        /// What is kept, instead of what was.
        memory: Memory,
    },
    /// Write down a decision and its reason.
    Note(Note),
}

/// When in a replica's life a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hooked {
    /// After its process started.
    PostStart,
    /// Before its process is told to stop.
    PreStop,
}

/// A decision and its reason: what `ondol events` and `ondol why` show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What was decided.
    pub kind: NoteKind,
    /// The service it is about.
    pub service: ServiceRef,
    /// The replica it is about, when it is about one.
    pub replica: Option<ReplicaId>,
    /// What was seen and what follows, in one sentence: `exit 1 after 0.3 s; started again in 0.2 s (3rd time)`.
    pub why: String,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The definition changed.
    Changed,
    /// Waits: for a dependency, for room on the machine.
    Waiting,
    /// Being prepared, or could not be.
    Preparing,
    /// A replica was found running and kept.
    Adopted,
    /// A replica is started.
    Started,
    /// A replica may be sent traffic.
    Ready,
    /// A replica may not be sent traffic any more.
    Unready,
    /// A replica's process ended.
    Exited,
    /// A replica is started again after a pause.
    Backoff,
    /// A replica is replaced.
    Replaced,
    /// Back to the definition before.
    RolledBack,
    /// The number of replicas changed.
    Scaled,
    /// A replica is drained and stopped.
    Stopping,
    /// A replica or job is done.
    Ended,
    /// The proxy stops requests to a service that fails too often, or lets them through again.
    Circuit,
}
