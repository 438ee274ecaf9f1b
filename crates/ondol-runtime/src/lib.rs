//! Performs actions on this machine: processes, sandboxes, packages; and the shim.

mod launch;

pub use launch::{
    Bake, Before, ContextMount, DataDir, LISTEN_IP, LISTEN_PORT, Launch, LaunchFile, Layers, Oven,
    PrepareRequest, UserEntry,
};
