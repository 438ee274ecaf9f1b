use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Certificate, Opening, ProjectName, Route, ServiceName, ServiceRef, SignalRules, TrafficPolicy,
    Transport,
};

/// Everything the proxy does, except where the endpoints are: those come in [`crate::EndpointTable`]s,
/// so that a replica that comes or goes never touches a listener or a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grows with each snapshot; what an acknowledgement names.
    pub version: u64,
    /// All sockets to serve; one that is not listed any more is closed and its requests finish.
    pub listeners: Vec<Listener>,
    /// How requests reach services; those that are not listed have nothing special.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficPolicy>,
    /// What listeners with TLS show: the first whose names include the one that the client asks for, else the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// What an authority finds below `/.well-known/acme-challenge/` (RFC 8555, section 8.3), by the last segment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub challenges: BTreeMap<String, String>,
    /// Contents of the files that routes name: keys of tokens, names and passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<PathBuf, String>,
    /// What is said of the requests of each project; nothing is said at all when there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<ProjectName, SignalRules>,
}

/// Names one listening socket for as long as it is open: the same through snapshots and processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerId(pub u64);

/// A socket that the node has bound and hands to the proxy, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    pub id: ListenerId,
    /// Where it is bound.
    pub address: SocketAddr,
    /// TCP or UDP.
    pub transport: Transport,
    /// What is served there.
    pub purpose: Purpose,
    /// How its connections begin.
    #[serde(default, skip_serializing_if = "Opening::is_plain")]
    pub opening: Opening,
}

/// What a listener is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Requests from outside, sent on by host, path and what else a route wants; the most exact route wins.
    Edge {
        /// The routes of every project that uses this port.
        routes: Vec<(Route, ServiceRef)>,
    },
    /// A published port (`ports:`): everything goes to one service.
    Published {
        /// The service.
        service: ServiceRef,
        /// Its port.
        port: u16,
        /// `app_protocol:`, when written.
        app_protocol: Option<String>,
    },
    /// A service's virtual address: calls from other services of its project.
    Virtual {
        /// The service.
        service: ServiceRef,
        /// Its port.
        port: u16,
        /// `app_protocol:`, when known.
        app_protocol: Option<String>,
        /// Services of the same project that share a network with it. The source address of a connection
        /// must be an endpoint of one of them; any other connection is closed and counted.
        callers: BTreeSet<ServiceName>,
    },
}
