//! Whose network is whose: two nodes of one machine must not give out the same addresses or remove each other's bridge.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::Subnets;

/// A file per network, locked while its node lives. It names the state folder that the network belongs to, so that
/// replicas that outlive their node keep it.
const FOLDER: &str = "/run/ondol";
/// Nodes on one machine.
const NODES_MAX: u8 = 32;

/// Networks that belong to one state folder for as long as this lives, and after it while replicas do.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) subnets: Subnets,
    file: File,
}

impl Claim {
    /// The networks that this state folder has already; else `first`, or the next that is nobody's.
    pub(crate) fn take(state_dir: &Path, first: Subnets) -> io::Result<Claim> {
        fs::create_dir_all(FOLDER)?;
        let candidates = || (0..NODES_MAX).map(|step| nth(first, step));
        for subnets in candidates().filter(|subnets| path(*subnets).exists()) {
            if let Some((file, _)) = open(subnets)?.filter(|(_, owner)| owner == state_dir) {
                return Ok(Claim { subnets, file });
            }
        }
        for subnets in candidates() {
            if let Some((file, _)) = open(subnets)?.filter(|(_, owner)| !has_replicas(owner)) {
                let mut claim = Claim { subnets, file };
                claim.write(state_dir.as_os_str().as_encoded_bytes())?;
                return Ok(claim);
            }
        }
        Err(io::Error::other(format!(
            "{NODES_MAX} nodes run on this machine already"
        )))
    }

    /// Nothing of this node uses them any more.
    pub(crate) fn give_up(&self) {
        // A name that stays is seen to be of no use by the next node that looks.
        let _ = self.file.set_len(0);
    }

    fn write(&mut self, owner: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(owner)
    }
}

/// `first`, with both networks moved up by an even number, so that they meet neither each other nor their neighbours.
fn nth(first: Subnets, step: u8) -> Subnets {
    let moved = |network: Ipv4Addr| {
        let [a, b, c, d] = network.octets();
        Ipv4Addr::new(a, b.wrapping_add(step.wrapping_mul(2)), c, d)
    };
    Subnets {
        replicas: moved(first.replicas),
        services: moved(first.services),
    }
}

fn path(subnets: Subnets) -> PathBuf {
    Path::new(FOLDER).join(subnets.bridge())
}

/// The locked file of a network and whose it is; `None` while another node has it.
fn open(subnets: Subnets) -> io::Result<Option<(File, PathBuf)>> {
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path(subnets))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut owner = String::new();
    file.read_to_string(&mut owner)?;
    Ok(Some((file, PathBuf::from(owner))))
}

fn has_replicas(state_dir: &Path) -> bool {
    let projects = fs::read_dir(state_dir.join("replicas"))
        .into_iter()
        .flatten();
    let mut replicas = projects
        .flatten()
        .filter_map(|project| fs::read_dir(project.path()).ok());
    replicas.any(|mut replicas| replicas.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_different_nodes_never_meet() {
        let all: Vec<_> = (0..NODES_MAX)
            .map(|step| nth(Subnets::default(), step))
            .collect();
        let networks: std::collections::BTreeSet<_> = all
            .iter()
            .flat_map(|subnets| [subnets.replicas, subnets.services])
            .collect();
        assert_eq!(networks.len(), all.len() * 2);
        assert_eq!(all[1].replicas, Ipv4Addr::new(10, 79, 0, 0));
        assert_eq!(all[1].bridge(), "ondol79");
    }
}
