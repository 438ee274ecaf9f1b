use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    Capacity, Digest, Exit, LoadReading, Probe, ProbeKind, ProbeResult, ReplicaId, RunId,
    ServiceRef,
};

/// What an engine saw. Words about an earlier [`RunId`] than the current one change nothing,
/// and neither does hearing the same word twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// What the machine has to give to services.
    Machine(Capacity),
    /// A service is being prepared: what is done just now, for people (`fetching redis-server 1.2 of 3.4 MB`).
    Preparing {
        /// The service.
        service: ServiceRef,
        /// The definition that is prepared.
        definition: Digest,
        /// For people.
        doing: String,
    },
    /// A service can be started.
    Prepared {
        /// The service.
        service: ServiceRef,
        /// The definition that was prepared.
        definition: Digest,
        /// What was learned.
        prepared: Prepared,
    },
    /// A service cannot be started: what happened, what was expected, what to do.
    PrepareFailed {
        /// The service.
        service: ServiceRef,
        /// The definition that was prepared.
        definition: Digest,
        /// For people.
        why: String,
    },
    /// A replica's process runs.
    Started {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// Process id on the machine.
        pid: u32,
        /// Its address.
        ip: IpAddr,
        /// See [`crate::Endpoint::moved_ports`].
        moved_ports: BTreeMap<u16, SocketAddr>,
    },
    /// TCP ports on which a replica was seen listening; the whole set, each time it changes.
    Listening {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// The ports.
        ports: Vec<u16>,
    },
    /// A replica's process ended, or could not be started ([`Exit::NotStarted`]).
    Exited {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// How.
        exit: Exit,
    },
    /// The answer to one check.
    Probed {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// Which probe.
        kind: ProbeKind,
        /// What it saw.
        result: ProbeResult,
    },
    /// A hook ended.
    HookEnded {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
        /// What it saw.
        result: ProbeResult,
    },
    /// Every worker of the proxy uses this version of the service's endpoint table, or a later one.
    Acknowledged {
        /// The service.
        service: ServiceRef,
        /// [`crate::EndpointTable::version`].
        version: u64,
    },
    /// What a service was seen doing.
    Measured {
        /// The service.
        service: ServiceRef,
        /// What was seen.
        reading: Box<LoadReading>,
    },
    /// A request waits for a service that may sleep and has no endpoint that is ready. Said again while that is so.
    Awaited {
        /// The service.
        service: ServiceRef,
    },
    /// No request to this replica is in flight in the proxy.
    Drained {
        /// The replica.
        replica: ReplicaId,
        /// Which start.
        run: RunId,
    },
}

/// What preparing a service taught about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Ports its image declares (EXPOSE, or known of a well-known image).
    pub ports: Vec<u16>,
    /// The image's own readiness check (HEALTHCHECK, or built in for a well-known image),
    /// for a file that has neither `healthcheck` nor `x-ondol.probes`.
    pub ready: Option<Probe>,
    /// The image's STOPSIGNAL.
    pub stop_signal: Option<String>,
    /// What runs, for people: `redis 7.0.15 (Debian)`, `node server.js`.
    pub runs: String,
}

/// A replica that outlived the node, found when the node starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// The replica.
    pub replica: ReplicaId,
    /// The start it was found in.
    pub run: RunId,
    /// The definition it was started with.
    pub definition: Digest,
    /// Process id on the machine.
    pub pid: u32,
    /// Its address.
    pub ip: IpAddr,
    /// See [`crate::Endpoint::moved_ports`].
    pub moved_ports: BTreeMap<u16, SocketAddr>,
    /// What was learned when it was prepared.
    pub prepared: Prepared,
    /// What comes before its process is still being done: there is no process id yet, and `Started` will be said.
    pub starting: bool,
    /// It ended while nobody watched.
    pub exit: Option<Exit>,
}

/// All that is really there when the node starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Replicas found, running or ended.
    pub survivors: Vec<Survivor>,
    /// The highest [`RunId`] ever used on this node.
    pub run_max: RunId,
}
