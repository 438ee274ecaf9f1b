use std::sync::Arc;

use ondol_model::{Demand, Digest, MountSource, Project, Service, ServiceName, UpdateOrder};

/// What a replica is started from.
#[derive(Debug)]
pub(crate) struct Target {
    /// Names what a running replica was started from.
    pub(crate) definition: Digest,
    /// Grows when replicas are to be replaced although their definition is the same (restart, rebuild): a replica is
    /// started later than its generation.
    pub(crate) generation: u64,
    pub(crate) project: Arc<Project>,
    pub(crate) service: Arc<Service>,
}

impl Target {
    /// `None` when the project has no such service.
    pub(crate) fn of(
        project: &Arc<Project>,
        service: &ServiceName,
        generation: u64,
    ) -> Option<Self> {
        Some(Target {
            definition: project.definition(service)?,
            generation,
            project: project.clone(),
            service: project.services.get(service)?.clone(),
        })
    }

    /// A replica of the one is a replica of the other.
    pub(crate) fn same_start(&self, other: &Target) -> bool {
        self.generation == other.generation && self.definition == other.definition
    }

    /// What placement sets aside for one replica.
    pub(crate) fn demand(&self) -> Demand {
        Demand {
            cpu_milli: self.service.resources.cpu_reserved_milli,
            memory: self.service.resources.memory_reserved,
        }
    }

    /// Which comes first in a replacement, as written, except where two at once would spoil their data or fight for
    /// a port: an image with a writable named volume is a database more often than not, and without a network of its
    /// own a second replica cannot bind the port.
    pub(crate) fn order(&self, written: UpdateOrder) -> UpdateOrder {
        let service = &self.service;
        let keeps_data = service
            .mounts
            .iter()
            .any(|mount| !mount.read_only && matches!(mount.source, MountSource::Volume { .. }));
        if service.host_network
            || (service.build.is_none() && service.image.is_some() && keeps_data)
        {
            UpdateOrder::StopFirst
        } else {
            written
        }
    }
}
