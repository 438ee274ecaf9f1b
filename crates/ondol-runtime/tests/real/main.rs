//! The engine with real processes, shims and namespaces.

mod plain;
mod rooms;
mod speed;
mod support;
