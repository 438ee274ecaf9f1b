use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// Something a service sees at a path of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path in the service's sight.
    pub target: String,
    /// The service cannot write there.
    pub read_only: bool,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A named volume, by its key in the project; a folder below it when `subpath` is given.
    Volume {
        /// Key among the project's volumes.
        name: String,
        /// Relative folder inside the volume.
        subpath: Option<String>,
        /// An empty volume stays empty (`nocopy`); else it gets what the image has at that path.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nocopy: bool,
    },
    /// A volume without a name: it lives as long as its replica.
    Anonymous,
    /// A file or folder of the machine, absolute.
    Bind {
        /// Absolute path on the machine.
        path: PathBuf,
        /// Make the folder when it is missing (the short form does, the long form asks for it).
        create: bool,
    },
    /// Memory.
    Tmpfs {
        /// Upper bound; `None` leaves the kernel's (half of the memory).
        size: Option<Bytes>,
        /// Permission bits; `None` is 0o1777.
        mode: Option<u32>,
    },
}
