use std::collections::BTreeMap;

use ondol_model::ServiceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Services of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicesBody {
    /// Their names; all services of the project when empty.
    #[schema(value_type = Vec<String>)]
    #[serde(default)]
    pub services: Vec<ServiceName>,
}

/// How many replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleBody {
    /// Services and how many of each.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub scale: BTreeMap<ServiceName, u32>,
}

/// A one-off run of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunBody {
    /// Program and arguments instead of the service's; empty keeps them.
    #[serde(default)]
    pub command: Vec<String>,
}

/// It was decided, and happens now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {}

/// A wish is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The revision of its definition.
    pub revision: u64,
    /// It differs from what was wanted before.
    pub changed: bool,
}

/// A one-off run was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// The replica: `web-10001`.
    pub replica: String,
}
