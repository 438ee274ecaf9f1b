//! The whole system, with the real binary: small applications in every situation, the example in a browser, and the
//! commands of the documentation.

mod acme;
mod app;
mod attached;
mod beside;
mod calls;
mod early;
mod faults;
mod fetched;
mod flixtube;
mod guard;
mod input;
mod life;
mod load;
mod observed;
mod pages;
mod process;
mod reach;
mod scaled;
mod secure;
mod signals;
mod soak;
mod state;
mod steps;
mod user;
mod verbs;
mod volumes;
mod watch;
mod wires;

use std::path::{Path, PathBuf};

/// The binary as it was built for these tests.
const ONDOL: &str = env!("CARGO_BIN_EXE_ondol");

/// The project's folder.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
