//! The proxy's process: started when there is none, and again at once when it dies.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ondol_runtime::Engine;
use tokio::sync::mpsc;

/// A proxy that lived shorter than this is started again after a pause, so that one that cannot run does not take a core.
const YOUNG: Duration = Duration::from_secs(1);
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// Where the node meets its proxy.
pub(crate) fn control_socket(state_dir: &Path) -> PathBuf {
    state_dir.join("proxy.sock")
}

/// Starts proxies, one at a time.
#[derive(Debug)]
pub(crate) struct Starter {
    ondol: PathBuf,
    state_dir: PathBuf,
    /// Told when a proxy that was started here ended.
    ended: mpsc::Sender<()>,
    /// One that was started here has not ended yet.
    pub(crate) running: bool,
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
    pub(crate) fn new(ondol: PathBuf, state_dir: PathBuf, ended: mpsc::Sender<()>) -> Self {
        Starter {
            ondol,
            state_dir,
            ended,
            running: false,
        }
    }

    /// Starts a proxy in a session of its own, so that it outlives this node.
    pub(crate) fn start(&mut self, engine: &Engine) -> io::Result<()> {
        if std::mem::replace(&mut self.running, true) {
            return Ok(());
        }
        self.spawn(engine).inspect_err(|_| self.running = false)
    }

    fn spawn(&self, engine: &Engine) -> io::Result<()> {
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
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let young = tokio::time::timeout(YOUNG, child.wait()).await.is_ok();
            if young {
                tokio::time::sleep(RESTART_PAUSE).await;
            } else {
                let _ = child.wait().await;
            }
            let _ = ended.send(()).await;
        });
        Ok(())
    }
}
