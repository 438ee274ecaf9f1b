//! The real binary, with a state folder of its own.

mod cleanup;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde_json::Value;

use crate::{TestDir, processes, wait_until};

pub use self::cleanup::{end_all, unmount_all};

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(30);

/// A node (`ondol serve`) and the commands that talk to it.
///
/// Two nodes of one machine share its bridge, so a second test waits until the first one's node is gone.
#[derive(Debug)]
pub struct TestNode {
    binary: PathBuf,
    state: TestDir,
    environment: BTreeMap<String, String>,
    child: Option<Child>,
    /// Held while anything of this node may run.
    _alone: File,
    passed: bool,
}

/// What a command printed and how it ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Finished {
    /// Standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("expected JSON, got: {}", self.stdout))
    }

    /// Each line of standard output as JSON.
    pub fn lines(&self) -> Result<Vec<Value>> {
        let parse = |line| {
            serde_json::from_str(line).with_context(|| format!("expected JSON, got: {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

impl TestNode {
    /// A state folder without a node: for tests of commands that start one.
    pub fn absent(binary: impl Into<PathBuf>) -> Result<Self> {
        let lock = std::env::temp_dir().join("ondol-test.lock");
        let alone =
            open_lock(&lock).with_context(|| format!("{} cannot be opened", lock.display()))?;
        alone.lock()?;
        Ok(TestNode {
            binary: binary.into(),
            state: TestDir::new()?,
            // Ports of the machine that others may have, and that a test of theirs would meet.
            environment: [("ONDOL_TELEMETRY".to_owned(), "127.0.0.1:0".to_owned())].into(),
            child: None,
            _alone: alone,
            passed: false,
        })
    }

    /// Sets a variable for every command, the node among them.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// A node that answers.
    pub fn start(binary: impl Into<PathBuf>) -> Result<Self> {
        let mut node = TestNode::absent(binary)?;
        node.serve()?;
        Ok(node)
    }

    /// Starts `ondol serve`, also again after [`TestNode::kill`], and waits until it answers.
    pub fn serve(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = self
            .command(["serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} could not be started", self.binary.display()))?;
        let child = self.child.insert(child);
        let pid = child.id().cast_signed();
        let socket = self.state.path().join("ondol.sock");
        let answers = wait_until("the node to answer", START, || match child.try_wait() {
            Ok(None) => (serving(&socket) == Some(pid)).then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow::anyhow!(
                "`ondol serve` ended at once with {status}"
            ))),
            Err(error) => Some(Err(error.into())),
        });
        answers
            .and_then(|answer| answer)
            .with_context(|| self.logs())
    }

    /// `ondol` with these arguments, talking to this node.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env("ONDOL_STATE", self.state.path())
            .envs(&self.environment)
            .args(arguments);
        command
    }

    /// A shell in which `ondol` is this binary and talks to this node.
    pub fn shell(&self, script: &str) -> Command {
        let folder = self
            .binary
            .parent()
            .map(Path::as_os_str)
            .unwrap_or_default();
        let mut path = folder.to_owned();
        path.push(":");
        let set = self.environment.get("PATH").map(OsString::from);
        path.push(set.or_else(|| std::env::var_os("PATH")).unwrap_or_default());
        let mut command = Command::new("sh");
        command
            .env("ONDOL_STATE", self.state.path())
            .envs(&self.environment)
            .env("PATH", path)
            .args(["-c", script]);
        command
    }

    /// Runs `ondol` with these arguments in `folder` to its end, whatever that is.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Finished> {
        let mut command = self.command(arguments);
        let output = command.current_dir(folder).stdin(Stdio::null()).output()?;
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        Ok(Finished {
            code: status.code(),
            stdout: String::from_utf8(stdout).context("standard output is no UTF-8")?,
            stderr: String::from_utf8(stderr).context("standard error is no UTF-8")?,
        })
    }

    /// Runs `ondol` and wants exit code 0.
    pub fn ok<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Finished> {
        let arguments: Vec<S> = arguments.into_iter().collect();
        let finished = self.run(folder, &arguments)?;
        if finished.code != Some(0) {
            let words: Vec<_> = arguments
                .iter()
                .map(|word| word.as_ref().to_string_lossy())
                .collect();
            bail!(
                "`ondol {}` ended with {:?}\n{}{}",
                words.join(" "),
                finished.code,
                finished.stdout,
                finished.stderr
            );
        }
        Ok(finished)
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Process id of the node that serves this state folder, whoever started it.
    pub fn pid(&self) -> Option<i32> {
        serving(&self.state.path().join("ondol.sock"))
    }

    /// `kill -9` of the node alone: its proxy and its replicas go on.
    pub fn kill(&mut self) -> Result<()> {
        let pid = self.pid().context("there is no node to kill")?;
        processes::signal(pid, Signal::SIGKILL);
        self.gone(pid)
    }

    /// Ends the test well: the node is stopped, and whatever still runs ends with it.
    pub fn stop(mut self) -> Result<()> {
        self.passed = true;
        if let Some(pid) = self.pid() {
            processes::signal(pid, Signal::SIGTERM);
            self.gone(pid)?;
        }
        Ok(())
    }

    /// What the node said, and the last lines of every replica.
    pub fn logs(&self) -> String {
        cleanup::logs(self.state.path())
    }

    fn log(&self) -> PathBuf {
        self.state.path().join("test-node.log")
    }

    fn gone(&mut self, pid: i32) -> Result<()> {
        let child = &mut self.child;
        wait_until("the node to end", STOP, || {
            if let Some(ours) = child
                .as_mut()
                .filter(|child| child.id().cast_signed() == pid)
            {
                return ours
                    .try_wait()
                    .is_ok_and(|status| status.is_some())
                    .then_some(());
            }
            (!processes::alive(pid)).then_some(())
        })?;
        self.child = None;
        Ok(())
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if !self.passed {
            cleanup::show(&self.logs());
        }
        cleanup::end_all(self.state.path());
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        cleanup::unmount_all(self.state.path());
    }
}

/// A file that every user of the machine can lock.
fn open_lock(path: &Path) -> std::io::Result<File> {
    File::open(path).or_else(|_| {
        let lock = File::create(path)?;
        lock.set_permissions(Permissions::from_mode(0o644))?;
        Ok(lock)
    })
}

/// Who listens on a Unix socket and accepts.
fn serving(socket: &Path) -> Option<i32> {
    let stream = UnixStream::connect(socket).ok()?;
    Some(getsockopt(&stream, PeerCredentials).ok()?.pid())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Listens the way a node does, until it is told to end.
    const STAND_IN: &str = r#"#!/usr/bin/env python3
import os, socket, sys
if sys.argv[1] != "serve":
    print("{\"said\": \"" + sys.argv[1] + "\"}")
    sys.exit(3 if sys.argv[1] == "fail" else 0)
path = os.environ["ONDOL_STATE"] + "/ondol.sock"
if os.path.exists(path): os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
print("listening", flush=True)
while True: listener.accept()
"#;

    #[test]
    fn a_node_is_started_killed_started_again_and_leaves_nothing() {
        if crate::program("python3").is_none() {
            return;
        }
        let folder = TestDir::new().unwrap();
        let binary = folder.write("ondol", STAND_IN).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        let mut node = TestNode::start(&binary).unwrap();
        let first = node.pid().unwrap();
        assert!(node.logs().contains("listening"));
        assert_eq!(
            node.ok(folder.path(), ["ps"]).unwrap().json().unwrap()["said"],
            "ps"
        );
        assert_eq!(node.run(folder.path(), ["fail"]).unwrap().code, Some(3));
        assert!(
            node.ok(folder.path(), ["fail"])
                .unwrap_err()
                .to_string()
                .starts_with("`ondol fail` ended with Some(3)")
        );
        node.kill().unwrap();
        assert_eq!(node.pid(), None);
        node.serve().unwrap();
        assert_ne!(node.pid().unwrap(), first);
        let state = node.state().to_owned();
        node.stop().unwrap();
        assert!(!state.exists());
        assert!(processes::of_folder(&state).is_empty());
    }

    #[test]
    fn a_node_that_cannot_start_is_an_error_with_what_it_said() {
        let mut node = TestNode::absent("/bin/false").unwrap();
        let error = format!("{:#}", node.serve().unwrap_err());
        assert!(error.contains("ended at once"), "{error}");
        node.passed = true;
    }
}
