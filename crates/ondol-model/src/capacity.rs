use serde::{Deserialize, Serialize};

use crate::Bytes;

/// What a machine has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    /// Memory.
    pub memory: Bytes,
}

/// What a replica asks to be set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Thousandths of a core.
    pub cpu_milli: u32,
    /// Memory.
    pub memory: Bytes,
}
