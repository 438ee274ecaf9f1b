//! Running a program inside a replica.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sched::{CloneFlags, setns};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::shim::{Start, Tie, spawn};
use crate::spec::Command;
use crate::streams::Streams;

/// A replica to enter, as the node describes it to `ondol exec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecTarget {
    /// Main process, on the machine.
    pub pid: u32,
    /// First process of its namespaces; `None` when it has none.
    pub room_pid: Option<u32>,
    /// Environment of the service.
    pub env: BTreeMap<String, String>,
    /// Where the service started.
    pub workdir: String,
    /// Who the service runs as.
    pub user: Option<String>,
    /// Keeps the capabilities that the service gave up.
    pub privileged: bool,
    /// Only one user id exists there.
    pub single_uid: bool,
    pub(crate) capabilities: u64,
    pub(crate) cgroup: Option<crate::cgroup::Plan>,
}

/// The whole life of `<ondol> enter`, which the engine starts for exec probes and hooks: what to enter and to run
/// comes as JSON on standard input. Call it at the very top of `main`. Its output is the program's.
pub fn main() -> ! {
    let (target, argv) =
        match serde_json::from_reader::<_, (ExecTarget, Vec<String>)>(std::io::stdin()) {
            Ok(order) => order,
            Err(_) => std::process::exit(125),
        };
    // Output and errors are one to a probe.
    let output = std::io::stdout();
    let tie = Tie::Child([output.as_fd(), output.as_fd()]);
    let ended = start(&target, &argv, tie).and_then(Program::wait);
    std::process::exit(ended.unwrap_or_else(|why| {
        let _ = std::io::Write::write_all(&mut std::io::stdout(), why.as_bytes());
        126
    }))
}

/// A program that was started inside a replica.
#[derive(Debug)]
pub struct Program(Pid);

/// Starts `argv` inside `target`; the error says for people what could not be done. The calling process must have one
/// thread only, and is inside the replica's namespaces afterwards.
pub fn enter(
    target: &ExecTarget,
    argv: &[String],
    streams: Streams<'_>,
) -> Result<Program, String> {
    start(target, argv, Tie::Person(streams))
}

impl Program {
    /// Waits for its end. Returns its exit code, 128 + n after signal n.
    pub fn wait(self) -> Result<i32, String> {
        loop {
            match waitpid(self.0, None) {
                Ok(WaitStatus::Exited(_, code)) => return Ok(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(format!("waiting for the program: {error}")),
            }
        }
    }

    /// Whether it has ended; [`Program::wait`] still tells how.
    pub fn has_ended(&self) -> bool {
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(self.0), peek), Ok(WaitStatus::StillAlive))
    }
}

fn start(target: &ExecTarget, argv: &[String], tie: Tie<'_>) -> Result<Program, String> {
    let mounts = join(target)?;
    let command = Command {
        argv: argv.to_vec(),
        workdir: target.workdir.clone(),
        user: target.user.clone(),
        attended: false,
        privileged: target.privileged,
    };
    let mut env = target.env.clone();
    if let Some(term) = std::env::var_os("TERM") {
        env.entry("TERM".to_owned())
            .or_insert_with(|| term.to_string_lossy().into_owned());
    }
    let pid = spawn(&Start {
        command: &command,
        env: &env,
        ulimits: &BTreeMap::new(),
        cgroup: target.cgroup.as_ref(),
        mounts: mounts.as_ref().map(|fd| fd.as_fd()),
        single_uid: target.single_uid,
        capabilities: target.capabilities,
        tie,
    })?;
    Ok(Program(pid))
}

/// Joins all namespaces but that of files, which the program joins itself: paths of the machine are still needed.
fn join(target: &ExecTarget) -> Result<Option<OwnedFd>, String> {
    let Some(room) = target.room_pid else {
        return Ok(None);
    };
    let open = |kind: &str| {
        let path = format!("/proc/{room}/ns/{kind}");
        File::open(&path).map_err(|error| format!("{path}: {error}; does the replica still run?"))
    };
    let mut namespaces = vec![
        ("pid", CloneFlags::CLONE_NEWPID),
        ("net", CloneFlags::CLONE_NEWNET),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("ipc", CloneFlags::CLONE_NEWIPC),
    ];
    if target.single_uid {
        namespaces.insert(0, ("user", CloneFlags::CLONE_NEWUSER));
    }
    let opened: Result<Vec<_>, String> = namespaces
        .into_iter()
        .map(|(kind, flag)| Ok((kind, open(kind)?, flag)))
        .collect();
    let mounts = open("mnt")?;
    for (kind, fd, flag) in opened? {
        setns(fd, flag)
            .map_err(|error| format!("entering the replica's {kind} namespace: {error}"))?;
    }
    Ok(Some(mounts.into()))
}
