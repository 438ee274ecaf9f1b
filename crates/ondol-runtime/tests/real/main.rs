//! The engine with real processes, shims and namespaces.

mod kills;
mod network;
mod plain;
mod rooms;
mod speed;
mod support;
mod world;
