//! A replica's room: its own namespaces, with the machine's programs and its own files in sight.
//!
//! Its first process does nothing but hold the namespaces and reap orphans; the service is a child of the shim that
//! joins them, so that signals reach it as they do outside. When the first process dies, the kernel ends all others.

mod accounts;
mod base;
mod contents;
mod devices;
mod furnish;
mod masks;
mod mounts;
mod network;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid};
use serde::{Deserialize, Serialize};

use crate::spec::Room;
use crate::sys::{self, Fork};

/// A room that stands.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its first process. When it dies, all others die.
    pub(crate) init: Pid,
    /// Its mount namespace.
    pub(crate) mounts: OwnedFd,
    /// A socket that asks the kernel about sockets of its network; `None` on the machine's network.
    pub(crate) diagnosis: Option<OwnedFd>,
    /// Who the service runs as, on the machine.
    pub(crate) owner: Option<(Uid, Gid)>,
    /// What could not be done, for people.
    pub(crate) words: Vec<String>,
}

/// What the first process tells when it has furnished the room.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Report {
    owner: Option<(u32, u32)>,
    words: Vec<String>,
}

impl Built {
    fn new(
        init: Pid,
        joining: Option<&network::Joining<'_>>,
        report: Report,
    ) -> Result<Self, String> {
        let path = format!("/proc/{init}/ns/mnt");
        let mounts = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        Ok(Built {
            init,
            mounts: mounts.into(),
            diagnosis: joining.map(network::Joining::diagnosis).transpose()?,
            owner: report
                .owner
                .map(|(uid, gid)| (Uid::from_raw(uid), Gid::from_raw(gid))),
            words: report.words,
        })
    }

    /// Whether a path exists in it. `/proc/<pid>/root` would follow absolute links to the machine's own files.
    pub(crate) fn sees(&self, path: &str) -> bool {
        let Ok(Fork::Parent(pid)) = self.look(path) else {
            return false;
        };
        matches!(waitpid(pid, None), Ok(WaitStatus::Exited(_, 0)))
    }

    fn look(&self, path: &str) -> nix::Result<Fork> {
        let fork = sys::fork()?;
        if let Fork::Child = fork {
            let entered = nix::sched::setns(&self.mounts, CloneFlags::CLONE_NEWNS).is_ok();
            let there = entered && std::fs::metadata(path).is_ok();
            std::process::exit(i32::from(!there));
        }
        Ok(fork)
    }
}

/// Builds it. The calling process, a shim, moves into all of its namespaces but that of files.
/// The error says for people at which step it failed.
pub(crate) fn build(plan: &Room, user: Option<&str>) -> Result<Built, String> {
    let joining = match &plan.network {
        Some(network) => Some(network::Joining::begin(network)?),
        None => None,
    };
    let flags = CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWPID;
    unshare(flags).map_err(|error| format!("namespaces: {error}"))?;
    nix::unistd::sethostname(&plan.hostname)
        .map_err(|error| format!("host name {}: {error}", plan.hostname))?;
    let (from, to) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| error.to_string())?;
    match sys::fork().map_err(|error| format!("no further process could be made: {error}"))? {
        Fork::Child => {
            drop(from);
            let furnish = || {
                joining.as_ref().map_or(Ok(()), network::Joining::finish)?;
                furnish::furnish(plan, user)
            };
            first_process(furnish, to)
        }
        Fork::Parent(init) => {
            drop(to);
            let built = hear(from).and_then(|report| Built::new(init, joining.as_ref(), report));
            built.inspect_err(|_| {
                let _ = kill(init, Signal::SIGKILL);
                let _ = waitpid(init, None);
            })
        }
    }
}

fn hear(from: OwnedFd) -> Result<Report, String> {
    let mut text = Vec::new();
    let _ = File::from(from).read_to_end(&mut text);
    serde_json::from_slice(&text).unwrap_or_else(|_| Err("its room fell apart".to_owned()))
}

/// Holds the namespaces and reaps. Furnishing is its child's work: what this process writes to, or runs, is in
/// memory beside the service for as long as that lives.
fn first_process(furnish: impl FnOnce() -> Result<Report, String>, to: OwnedFd) -> ! {
    let begun = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .and_then(|()| unshare(CloneFlags::CLONE_NEWNS))
        .and_then(|()| sys::fork());
    // A shim that died before its death could be heard of.
    if !sys::is_read(&to) {
        std::process::exit(1);
    }
    match begun {
        Ok(Fork::Parent(_)) => hold(),
        Ok(Fork::Child) => tell(to, &furnish()),
        Err(error) => tell(to, &Err(format!("namespaces: {error}"))),
    }
}

fn tell(to: OwnedFd, told: &Result<Report, String>) -> ! {
    let _ = File::from(to).write_all(&serde_json::to_vec(told).unwrap_or_default());
    std::process::exit(i32::from(told.is_err()))
}

fn hold() -> ! {
    let _ = nix::sys::prctl::set_name(c"ondol-room");
    sys::close_from(0);
    sys::forget_code();
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    loop {
        let _ = children.wait();
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
    }
}
