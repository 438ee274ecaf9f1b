//! Performs actions on this machine: processes, sandboxes, packages; and the shim.

mod launch;

pub use launch::{
    Before, ContextMount, DataDir, LISTEN_IP, LISTEN_PORT, Launch, LaunchFile, Layers,
    PrepareRequest, UserEntry,
};
