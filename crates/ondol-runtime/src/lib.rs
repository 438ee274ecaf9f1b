//! Performs actions on this machine: processes, sandboxes, packages; and the shim.

mod cgroup;
mod clock;
mod doctor;
mod engine;
mod exec;
mod identity;
mod launch;
mod leftover;
pub mod logs;
mod net;
mod netlink;
mod privileges;
mod process;
mod room;
mod sandbox;
pub mod shim;
mod signal;
mod source;
mod spec;
mod streams;
mod sys;
mod world;

pub use cgroup::{Limits, Stats};
pub use doctor::Finding;
pub use engine::{Config, Engine, LastLines};
pub use exec::{ExecTarget, Program, enter, main as enter_main};
pub use launch::{
    Bake, Before, ContextMount, DataDir, LISTEN_IP, LISTEN_PORT, Launch, LaunchFile, Layers, Oven,
    PrepareRequest, UserEntry,
};
pub use sandbox::{Sandbox, Subnets};
pub use source::{Obstacle, ObstacleKind, SourceError, SourceErrorKind, launch, prepare};
pub use streams::{Streams, hand_over};
pub use world::main as world_main;
