use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Alerts, Digest, Edge, ProjectName, Service, ServiceName, SignalRules};

/// Port of the edge where no file says another.
pub const EDGE_PORT: u16 = 8080;

/// What a set of Compose files means, resolved: no interpolation, reference or default is left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Compose's project name.
    pub name: ProjectName,
    /// The absolute folder that relative paths of the files were resolved against.
    pub dir: PathBuf,
    /// The files it was read from, absolute, in merge order.
    pub files: Vec<PathBuf>,
    /// The services to run; those switched off by profiles are not among them.
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Named volumes by their key in the file.
    pub volumes: BTreeMap<String, VolumeSpec>,
    /// Networks by their key in the file.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Secrets by their key in the file.
    pub secrets: BTreeMap<String, StoredFile>,
    /// Configs by their key in the file.
    pub configs: BTreeMap<String, StoredFile>,
    /// Port of the edge, where the services' routes are served (`x-ondol.edge.port`); [`EDGE_PORT`] when the file says nothing.
    pub edge_port: u16,
    /// How clients connect to the edge.
    #[serde(default)]
    pub edge: Edge,
    /// Of what people are told, and how.
    #[serde(default)]
    pub alerts: Alerts,
    /// What is written down of requests.
    #[serde(default, skip_serializing_if = "SignalRules::is_default")]
    pub requests: SignalRules,
}

/// A named volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// The name on the machine when the file gives one (`name:`); else it is `<project>_<key>`.
    pub name: Option<String>,
    /// It must exist already and is not removed with the project.
    pub external: bool,
}

/// A network; on one machine it bounds which services of the project may call each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// The name on the machine when the file gives one.
    pub name: Option<String>,
    /// It must exist already.
    pub external: bool,
    /// No traffic to the outside.
    pub internal: bool,
}

/// A secret or a config: where its content comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The name on the machine when the file gives one.
    pub name: Option<String>,
    /// Its content's origin.
    pub source: FileSource,
    /// Names the content that a [`FileSource::Path`] had when the project was wanted, so that services are replaced
    /// when the file was changed; `None` where it was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Where the content of a secret or config comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileSource {
    /// A file on the machine, absolute.
    Path(PathBuf),
    /// The content itself: written in the Compose file, or taken from an environment variable when it was loaded.
    Content(String),
    /// It must exist already.
    External,
}
