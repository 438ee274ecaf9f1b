//! The projects that are wanted: kept on the disk first, then handed to the core.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ondol_api::{ApiError, ErrorCode};
use ondol_control::{Event, Wish};
use ondol_model::{ProjectName, ServiceRef};
use ondol_runtime::Subnets;
use ondol_store::{Kept, StoreError};

use super::Node;
use super::answer::storage;

impl Node {
    /// Keeps a wish, gives its services their addresses and hands it to the core. Gives the revision.
    pub(super) fn keep(&mut self, wish: Wish, by: &str) -> Result<u64, ApiError> {
        let now_unix_ms = self.clock.unix_ms(self.clock.now());
        let revision = self
            .store
            .keep(&wish, by, now_unix_ms)
            .map_err(|error| storage(&error))?;
        self.want(wish, revision).map_err(|error| storage(&error))?;
        self.perform_all();
        self.publish();
        Ok(revision)
    }

    /// Hands a wish that is kept to the core.
    pub(super) fn want(&mut self, wish: Wish, revision: u64) -> Result<(), StoreError> {
        let name = wish.project.name.clone();
        self.name_services(&wish)?;
        self.kept.insert(
            name,
            Kept {
                wish: wish.clone(),
                revision,
            },
        );
        self.wishes_version += 1;
        self.control.handle(Event::Want(wish), self.clock.now());
        Ok(())
    }

    /// A project is not wanted any more. Forgotten on the disk first, so that a node that dies now does not begin again.
    pub(super) fn leave_project(&mut self, project: &ProjectName) -> Result<(), ApiError> {
        self.store
            .discard(project)
            .map_err(|error| storage(&error))?;
        self.wishes_version += 1;
        if self.kept.remove(project).is_none()
            && !self.state.borrow().projects.contains_key(project)
        {
            return Err(ApiError::new(
                ErrorCode::NotFound,
                format!("there is no project `{project}`"),
            ));
        }
        Ok(())
    }

    /// Nothing is left of a project.
    pub(super) fn forget(&mut self, project: &ProjectName) {
        self.discarding.remove(project);
        if !self.kept.contains_key(project) {
            self.addresses.remove(project);
        }
        self.forget_measured();
        self.publish();
        self.leaving |= self.ephemeral && self.is_empty();
    }

    /// No project is wanted, and nothing of an earlier one is left.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.discarding.is_empty()
    }

    /// Gives each service its virtual address, and tells the replicas who is called what.
    fn name_services(&mut self, wish: &Wish) -> Result<(), StoreError> {
        let project = &wish.project;
        let subnets = self.engine.subnets();
        let mut addresses = BTreeMap::new();
        for service in project.services.keys() {
            let name = ServiceRef {
                project: project.name.clone(),
                service: service.clone(),
            };
            let number = self.store.address(&name)?;
            addresses.insert(service.clone(), virtual_ip(subnets, number));
        }
        let names = super::reach::names(project).into_iter();
        let names = names.filter_map(|(name, service)| Some((name, *addresses.get(&service)?)));
        self.engine.set_names(&project.name, names.collect());
        self.addresses.insert(project.name.clone(), addresses);
        Ok(())
    }
}

fn virtual_ip(subnets: Subnets, number: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(
        subnets.services.to_bits() + u32::from(number),
    ))
}
