use std::sync::Arc;

use ondol_model::{EndpointTable, ListenerId, ReplicaId, RunId, ServiceRef, Signals, Snapshot};
use serde::{Deserialize, Serialize};

use crate::{CircuitStatus, Purge, Status};

/// From the node. Messages are performed in order; versions are the node's own and are not compared,
/// because a node that forgot everything must be able to begin again.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToProxy {
    /// The whole configuration. `sockets` names the listeners whose sockets come with the message, in that order.
    Snapshot {
        snapshot: Snapshot,
        sockets: Vec<ListenerId>,
    },
    Endpoints(EndpointTable),
    AwaitDrained {
        replica: ReplicaId,
        run: RunId,
    },
    Status,
    Purge(Purge),
    /// Of the proxy's reports, this node has heard all up to `heard`, and counted for good all up to `counted`. It is
    /// told nothing of requests before it says so for the first time.
    Reports {
        heard: u64,
        counted: u64,
    },
}

/// From the proxy.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToNode {
    /// The first message of a connection: what the proxy does now. `sockets` come with the message.
    Hello {
        pid: u32,
        /// Whose reports it sends (`ReportId::proxy`).
        proxy: u64,
        build: String,
        snapshot: Snapshot,
        tables: Vec<EndpointTable>,
        sockets: Vec<ListenerId>,
    },
    /// Every worker uses the snapshot. `bound` are sockets that the proxy had to bind by itself;
    /// they come with the message, for the node to hold. `failed` are those that it could not bind, and why.
    Accepted {
        version: u64,
        bound: Vec<ListenerId>,
        failed: Vec<(ListenerId, String)>,
    },
    /// The snapshot cannot be used; the one before it stays.
    Refused {
        version: u64,
        reason: String,
    },
    Acknowledged {
        service: ServiceRef,
        version: u64,
    },
    Drained {
        replica: ReplicaId,
        run: RunId,
    },
    Status(Status),
    /// So many stored answers are forgotten.
    Purged(u64),
    /// The circuits that are not closed; all of them, whenever one changes.
    Circuits(Vec<CircuitStatus>),
    /// Services that may sleep and that requests wait for.
    Awaited(Vec<ServiceRef>),
    /// What happened to requests; only when the snapshot asks for it.
    Signals(Arc<Signals>),
}
