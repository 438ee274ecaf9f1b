use std::collections::BTreeMap;
use std::path::PathBuf;

use ondol_model::{Mount, OneOff, ServiceName};
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
    /// Services and how many of each; null is what their file says, or lets their load decide.
    #[schema(value_type = BTreeMap<String, Option<u32>>)]
    pub scale: BTreeMap<ServiceName, Option<u32>>,
}

/// A one-off run of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunBody {
    /// Program and arguments instead of the service's; empty keeps them.
    #[serde(default)]
    pub command: Vec<String>,
    /// Instead of the service's.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// Variables over the service's.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// As this user instead of the service's.
    #[serde(default)]
    pub user: Option<String>,
    /// In this folder instead of the service's.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// Mounts beside the service's; one at the same target wins.
    #[schema(value_type = Vec<Object>)]
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Do not wait for what the service depends on.
    #[serde(default)]
    pub alone: bool,
    /// Its program waits for a minute until somebody hands it a terminal, or an input and outputs, over the Unix
    /// socket that the answer names.
    #[serde(default)]
    pub attended: bool,
    /// Forget it when it ends.
    #[serde(default)]
    pub fleeting: bool,
}

impl From<RunBody> for OneOff {
    fn from(body: RunBody) -> Self {
        OneOff {
            command: body.command,
            entrypoint: body.entrypoint,
            environment: body.environment,
            user: body.user,
            working_dir: body.working_dir,
            mounts: body.mounts,
            alone: body.alone,
            attended: body.attended,
            fleeting: body.fleeting,
        }
    }
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
    /// Where its program waits for its streams, once it runs; only of an attended one.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<PathBuf>,
}
