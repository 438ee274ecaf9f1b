use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{ReplicaId, RunId, ServiceRef};

/// One running replica, as the proxy knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The replica.
    pub replica: ReplicaId,
    /// Which start of it.
    pub run: RunId,
    /// Its own address: where it listens, and what its calls come from.
    pub ip: IpAddr,
    /// Where a port of the service really is, for those that are not simply at `ip`:
    /// without a namespace, two replicas cannot both bind port 80.
    pub moved_ports: BTreeMap<u16, SocketAddr>,
    /// It may be sent traffic. One that may not is listed all the same, because it can call others.
    pub ready: bool,
}

impl Endpoint {
    /// Where to connect for `port` of the service.
    pub fn address(&self, port: u16) -> SocketAddr {
        self.moved_ports
            .get(&port)
            .copied()
            .unwrap_or_else(|| SocketAddr::new(self.ip, port))
    }
}

/// All replicas of one service; replaces the table before it as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointTable {
    /// The service.
    pub service: ServiceRef,
    /// Grows with each change of this service's table; what an acknowledgement names.
    pub version: u64,
    /// Its replicas; empty when it has none.
    pub endpoints: Vec<Endpoint>,
}
