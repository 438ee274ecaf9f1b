//! What is said on `shim.sock`: JSON values, one per line.

use ondol_model::Exit;
use serde::{Deserialize, Serialize};

use crate::cgroup::{Limits, Stats};

/// Longest line that is read from a connection.
pub(crate) const LINE_BYTES_MAX: usize = 4096;

/// To a shim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// Send this signal to the main process.
    Signal(i32),
    /// End every process.
    Kill,
    /// Answer with [`Said::Stats`].
    Stats,
    /// Answer with [`Said::Ports`].
    Ports,
    /// Set these limits from now on.
    Limit(Limits),
}

/// From a shim. The state is said to each new connection, and to all when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// Not yet running: what comes before the main process is being done.
    Starting,
    /// The main process runs.
    Running {
        pid: u32,
        /// The first process of the replica's namespaces.
        room_pid: Option<u32>,
    },
    /// It ended, and everything it had started; the shim is about to end too.
    Exited(Exit),
    Stats(Stats),
    /// TCP ports that are listened on in the replica's network; `None` when it has none of its own.
    Ports(Option<Vec<u16>>),
}

/// As a line.
pub(crate) fn line<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
