use serde::{Deserialize, Serialize};

use crate::Bytes;

/// Limits (what a replica may take at most) and reservations (what placement sets aside for it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_limit_milli: Option<u32>,
    /// Memory at which it is killed.
    pub memory_limit: Option<Bytes>,
    /// Processes and threads.
    pub pids_limit: Option<u32>,
    /// Thousandths of a core.
    pub cpu_reserved_milli: u32,
    /// Memory set aside.
    pub memory_reserved: Bytes,
}

/// One of `ulimits`; -1 is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// The limit in force.
    pub soft: i64,
    /// How far the process may raise it.
    pub hard: i64,
}
