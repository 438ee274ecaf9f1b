//! What integration tests stand on: a real node in a folder of its own, a real browser, real load.
//!
//! A test that needs a program which is not here says `skipped: <why>` ([`skipped`]) and ends well;
//! on a machine that can have every program, `cargo xtask ci` takes that for a failure.
//! A [`TestNode`] that is dropped without [`TestNode::stop`] belongs to a test that failed: it shows its logs.

mod browser;
mod clock;
mod folder;
mod http;
mod load;
mod node;
mod page;
mod port;
mod processes;
mod soak;
mod tool;
mod wait;

pub use browser::TestBrowser;
pub use folder::TestDir;
pub use http::{Answer, get, request};
pub use load::{Load, LoadReport};
pub use node::{Finished, TestNode, end_all, unmount_all};
pub use page::{Scene, play, scenes};
pub use port::free_port;
pub use processes::of_folder as processes_of;
pub use soak::{Round, Soak, verdict};
pub use tool::{program, skipped};
pub use wait::{steady, wait_until};
