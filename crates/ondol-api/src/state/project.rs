use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ondol_model::{ProjectName, ServiceName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServiceState;

/// A project and how it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectState {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ProjectName,
    /// Its folder on the machine.
    #[schema(value_type = String)]
    pub dir: PathBuf,
    /// The files it was read from, in merge order.
    #[schema(value_type = Vec<String>)]
    pub files: Vec<PathBuf>,
    /// The revision of its definition that is wanted.
    pub revision: u64,
    /// Everything that is wanted is ready or done, the proxy knows it, and nothing else is left.
    pub settled: bool,
    /// It is being taken down.
    pub leaving: bool,
    /// Replicas where `scale` was used since.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub scale: BTreeMap<ServiceName, u32>,
    /// Services that were stopped on request.
    #[schema(value_type = BTreeSet<String>)]
    pub stopped: BTreeSet<ServiceName>,
    /// Its services, by name.
    pub services: Vec<ServiceState>,
    /// What the edge serves of it.
    pub edges: Vec<Edge>,
}

/// A route at the edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    /// What to open: `http://127.0.0.1:8080/api`.
    pub url: String,
    /// The service that answers.
    #[schema(value_type = String)]
    pub service: ServiceName,
}

impl ProjectState {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&ServiceState> {
        self.services
            .iter()
            .find(|service| service.name.as_str() == name)
    }
}
