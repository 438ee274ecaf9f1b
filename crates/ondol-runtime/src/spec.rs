//! `spec.json`: what the engine hands to a shim, and what it wants to know again after its own death.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ondol_model::{Digest, Prepared, ReplicaId, RunId, Ulimit};
use serde::{Deserialize, Serialize};

use crate::privileges;

/// Name of the file in a replica's folder.
pub(crate) const FILE: &str = "spec.json";

/// The whole file, as the engine writes and reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) facts: Facts,
    pub(crate) task: Task,
}

/// What the engine knows of a start and the shim does not need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) replica: ReplicaId,
    pub(crate) run: RunId,
    pub(crate) definition: Digest,
    pub(crate) prepared: Prepared,
    pub(crate) ip: IpAddr,
    pub(crate) moved_ports: BTreeMap<u16, SocketAddr>,
    /// Without a mount namespace: paths of the replica's sight, and where they really are.
    #[serde(default)]
    pub(crate) moved_paths: Vec<(String, PathBuf)>,
    /// The world it lives in, see [`crate::world::World::id`].
    pub(crate) world: Option<u64>,
    /// It shares the machine's network.
    pub(crate) host_network: bool,
}

/// The part of the file that a shim reads.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Order {
    pub(crate) task: Task,
}

/// All that a shim is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// [`RunId`] by number: marks each log line.
    pub(crate) run: u64,
    /// The service's process.
    pub(crate) main: Command,
    /// What runs to its end before it, in order.
    pub(crate) before: Vec<Preliminary>,
    /// Environment of all of them; nothing else is in it.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) ulimits: BTreeMap<String, Ulimit>,
    pub(crate) logs: LogBounds,
    /// Control groups to make and join; none where none can be made.
    pub(crate) cgroup: Option<crate::cgroup::Plan>,
    /// Namespaces to live in; none runs it on the machine as it is.
    pub(crate) room: Option<Room>,
}

impl Task {
    /// What its processes may do.
    pub(crate) fn capabilities(&self) -> u64 {
        let network = self.room.as_ref().and_then(|room| room.network.as_ref());
        match network.is_some_and(|network| network.only.is_some()) {
            // Who may write any packet needs no route.
            true => privileges::KEPT & !privileges::NET_RAW,
            false => privileges::KEPT,
        }
    }
}

/// A program to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    pub(crate) workdir: String,
    /// `user[:group]` by name or id.
    pub(crate) user: Option<String>,
    /// It waits for somebody who hands it its streams, see [`crate::streams`].
    #[serde(default)]
    pub(crate) attended: bool,
    /// It keeps all capabilities that the shim has.
    #[serde(default)]
    pub(crate) privileged: bool,
}

/// A program that runs before the main one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preliminary {
    pub(crate) command: Command,
    /// What it is called when it fails.
    #[serde(default)]
    pub(crate) name: String,
    /// Added to [`Task::env`] for this one.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Left out when this path exists in the replica's sight.
    pub(crate) unless_exists: Option<String>,
}

/// How much log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogBounds {
    pub(crate) segment_bytes_max: u64,
    pub(crate) segments_max: u32,
}

impl Default for LogBounds {
    fn default() -> Self {
        LogBounds {
            segment_bytes_max: 8 << 20,
            segments_max: 4,
        }
    }
}

/// A replica's own namespaces: what it sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    /// Only one user id exists (inside a user namespace of an unprivileged user).
    pub(crate) single_uid: bool,
    pub(crate) hostname: String,
    /// `None` shares the network of whoever started the shim.
    pub(crate) network: Option<Network>,
    /// Takes what is written outside of mounts, in the shape of a root.
    pub(crate) upper: PathBuf,
    /// Where overlays keep what they are just doing; on the file system of `upper`.
    pub(crate) work: PathBuf,
    /// Folders of the machine laid over its root, topmost first.
    pub(crate) layers: Vec<PathBuf>,
    /// Everything that is mounted besides the root, in order.
    pub(crate) mounts: Vec<RoomMount>,
    /// Further paths that it must not see.
    pub(crate) hidden: Vec<String>,
    pub(crate) users: Vec<crate::UserEntry>,
    pub(crate) data_dirs: Vec<crate::DataDir>,
    pub(crate) files: Vec<RoomFile>,
}

/// Its address on the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) bridge: String,
    /// Name of the bridge's end of the pair of interfaces; at most 15 bytes.
    pub(crate) port: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) gateway: Ipv4Addr,
    /// All of its networks are internal: beyond its neighbours it reaches this /16 alone.
    #[serde(default)]
    pub(crate) only: Option<Ipv4Addr>,
}

/// Something shown at `target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomMount {
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) what: Shown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shown {
    /// A file or folder of the machine.
    Bind(PathBuf),
    /// A folder that the engine made; given to the replica's user while it is empty.
    Volume(PathBuf),
    /// Folders of the machine laid over each other, topmost first; `upper` takes what is written.
    Overlay {
        lowers: Vec<PathBuf>,
        upper: PathBuf,
    },
    Tmpfs {
        bytes_max: Option<u64>,
        mode: Option<u32>,
    },
}

/// A file with its content. Unlike [`crate::LaunchFile`] it may be a secret: it is kept in memory only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomFile {
    pub(crate) path: String,
    pub(crate) content: FileContent,
    pub(crate) mode: u32,
    /// Owner and group by id; `None` is the user of the service.
    pub(crate) owner: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileContent {
    Text(String),
    /// Copied when the replica starts.
    Path(PathBuf),
}
