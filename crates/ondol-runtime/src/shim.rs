//! The shim: one small process per replica, the parent of the service's process.
//!
//! It owns the service's output (log segments), its exit status (the file `exit`), its control group and its
//! namespaces, and is spoken to over `shim.sock`. It starts no thread and no async runtime, and outlives the node.
//! When it dies, its service dies with it.

mod child;
mod connections;
mod exit;
mod output;
mod serve;
mod tree;
pub(crate) mod wire;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};

pub(crate) use child::{Start, Tie, locate, spawn};
pub(crate) use exit::{FILE as EXIT_FILE, read as read_exit};

/// Name of the socket in a replica's folder.
pub(crate) const SOCKET: &str = "shim.sock";

/// The whole life of a shim. `args` is one argument: the replica's folder. Call it at the very top of `main`,
/// before any thread is started. Descriptor 0 may be a connection from the node; everything else that was
/// inherited is closed.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ! {
    let code = match args.into_iter().next() {
        Some(dir) => i32::from(run(Path::new(&dir)).is_err()),
        None => 2,
    };
    std::process::exit(code)
}

fn run(dir: &Path) -> io::Result<()> {
    detach()?;
    std::env::set_current_dir(dir)?;
    let order = fs::read(crate::spec::FILE)
        .and_then(|text| Ok(serde_json::from_slice::<crate::spec::Order>(&text)?));
    serve::serve(order)
}

/// Cuts every tie to whoever started this process.
fn detach() -> io::Result<()> {
    crate::sys::close_from(3);
    // Fails only for the leader of a session, which is what is wanted.
    let _ = nix::unistd::setsid();
    nix::sys::prctl::set_child_subreaper(true)?;
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in [
        Signal::SIGHUP,
        Signal::SIGPIPE,
        Signal::SIGINT,
        Signal::SIGTERM,
    ] {
        crate::sys::set_action(signal, &ignore)?;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    Ok(())
}
