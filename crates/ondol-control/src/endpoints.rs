use std::collections::BTreeMap;

use ondol_model::{Endpoint, EndpointTable, ServiceRef};

use crate::Action;
use crate::replica::Replica;
use crate::turn::Turn;

/// A service's endpoints as the proxy was told them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Zero before the first.
    pub(crate) version: u64,
    /// The newest version that the proxy is known to use.
    pub(crate) acknowledged: u64,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Table {
    /// Publishes the table when it differs from the one before; the first is published even when it is empty, because
    /// the proxy may still hold one of an earlier node.
    pub(crate) fn publish(
        &mut self,
        service: &ServiceRef,
        replicas: &BTreeMap<u32, Replica>,
        turn: &mut Turn,
    ) -> bool {
        if self.version > 0 && self.is_current(replicas) {
            return false;
        }
        self.version = turn.ids.table();
        self.endpoints = replicas.values().filter_map(endpoint).collect();
        turn.act(Action::Publish(EndpointTable {
            service: service.clone(),
            version: self.version,
            endpoints: self.endpoints.clone(),
        }));
        true
    }

    /// Every worker of the proxy uses this version, or a later one.
    pub(crate) fn acknowledge(&mut self, version: u64) -> bool {
        let newer = version > self.acknowledged && version <= self.version;
        if newer {
            self.acknowledged = version;
        }
        newer
    }

    /// The proxy is known to use what it was told last.
    pub(crate) fn is_in_use(&self) -> bool {
        self.acknowledged == self.version
    }

    /// Compares without building anything: this is asked on every turn, and the answer is almost always yes.
    fn is_current(&self, replicas: &BTreeMap<u32, Replica>) -> bool {
        let mut told = self.endpoints.iter();
        let same = replicas
            .values()
            .filter_map(|replica| Some((replica, replica.running()?)))
            .all(|(replica, running)| {
                told.next().is_some_and(|endpoint| {
                    endpoint.run == running.run && endpoint.ready == replica.serves()
                })
            });
        same && told.next().is_none()
    }
}

fn endpoint(replica: &Replica) -> Option<Endpoint> {
    let running = replica.running()?;
    Some(Endpoint {
        replica: replica.id.clone(),
        run: running.run,
        ip: running.ip,
        moved_ports: running.moved_ports.clone(),
        ready: replica.serves(),
    })
}
