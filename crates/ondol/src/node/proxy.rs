//! The proxy's process: started when there is none, and again at once when it dies.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ondol_runtime::Engine;

/// What a proxy of this program says of itself; one of another build is asked to leave, and the next takes its sockets.
pub(crate) const BUILD: &str = env!("CARGO_PKG_VERSION");

/// Where the node meets its proxy.
pub(crate) fn control_socket(state_dir: &Path) -> PathBuf {
    state_dir.join("proxy.sock")
}

/// Starts proxies. A second one on the same state folder leaves at once, so that starting one too many does no harm.
#[derive(Debug)]
pub(crate) struct Starter {
    pub(crate) ondol: PathBuf,
    pub(crate) state_dir: PathBuf,
}

/// Asks a proxy to leave.
pub(crate) fn end(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may be gone already, which is what was wanted.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        );
    }
}

impl Starter {
    /// Starts a proxy in a session of its own, so that it outlives this node.
    pub(crate) fn start(&self, engine: &Engine) -> io::Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.state_dir.join("proxy.log"))?;
        let mut command = Command::new(&self.ondol);
        command
            .arg("proxy")
            .arg(&self.state_dir)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .current_dir("/")
            .process_group(0);
        engine.place(&mut command)?;
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(false)
            .spawn()?;
        // Waited for, so that it leaves no zombie; that it is gone is heard from the link.
        tokio::spawn(async move { child.wait().await });
        Ok(())
    }
}
