use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// The world itself, which is there for as long as somebody has it in hand.
#[derive(Debug)]
pub(super) struct Namespaces {
    user: File,
    network: File,
    /// Names its network among all that there are and were since the machine started.
    pub(super) id: u64,
}

impl Namespaces {
    /// Those that a process is in.
    pub(super) fn of(pid: i32) -> io::Result<Self> {
        let open = |kind: &str| File::open(format!("/proc/{pid}/ns/{kind}"));
        let network = open("net")?;
        Ok(Namespaces {
            user: open("user")?,
            id: network.metadata()?.ino(),
            network,
        })
    }

    /// Lets a process that is about to be started begin inside; with `own_network` false, as the world's user but
    /// on the machine's network.
    pub(super) fn place(&self, command: &mut Command, own_network: bool) -> io::Result<()> {
        // Entering a user namespace gives the right to enter those that belong to it.
        let entered = [
            Some(&self.user),
            Some(&self.network).filter(|_| own_network),
        ];
        let entered = entered.into_iter().flatten().map(File::try_clone);
        let entered: io::Result<Vec<OwnedFd>> =
            entered.map(|file| file.map(OwnedFd::from)).collect();
        crate::sys::join_before_exec(command, entered?);
        Ok(())
    }
}
