//! A replica's room: its own namespaces, with the machine's programs and its own files in sight.

use std::os::fd::OwnedFd;

use nix::unistd::{Gid, Pid, Uid};

use crate::spec::Room;

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

impl Built {
    /// Whether a path exists in it.
    pub(crate) fn sees(&self, path: &str) -> bool {
        std::fs::metadata(format!("/proc/{}/root{path}", self.init)).is_ok()
    }
}

/// Builds it.
pub(crate) fn build(_plan: &Room, _user: Option<&str>) -> Result<Built, String> {
    Err("sandbox: not yet".into())
}
