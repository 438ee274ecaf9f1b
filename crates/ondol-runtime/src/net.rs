//! Sockets of this process's own network.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connects to a socket in a folder whose path may be longer than the 107 bytes that a socket's name may have.
pub(crate) fn connect_unix(dir: &Path, name: &str) -> io::Result<UnixStream> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let dir = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(dir)?;
    let stream = UnixStream::connect(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd()))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// A listening socket, not blocking.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A port of `ip` that nobody listens on now.
pub(crate) fn free_port(ip: IpAddr) -> io::Result<u16> {
    Ok(TcpListener::bind((ip, 0))?.local_addr()?.port())
}

/// The first port that this user may open.
pub(crate) fn first_port() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    match nix::unistd::geteuid().is_root() {
        true => 0,
        false => text
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(1024),
    }
}

/// Ports that a process or one of its tree listens on, where it has no network of its own.
pub(crate) fn listening_of(main: u32, tree: Vec<i32>) -> Vec<u16> {
    let Some(listeners) = crate::netlink::listeners_here() else {
        return Vec::new();
    };
    let mut processes: BTreeSet<i32> = tree.into_iter().collect();
    processes.extend(i32::try_from(main));
    if processes.len() == 1 {
        descendants(main, &mut processes);
    }
    let mut sockets = BTreeSet::new();
    for pid in processes {
        let entries = fs::read_dir(format!("/proc/{pid}/fd"));
        for entry in entries.into_iter().flatten().flatten() {
            let link = fs::read_link(entry.path()).unwrap_or_default();
            let inode = link.to_str().and_then(|link| {
                link.strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .parse()
                    .ok()
            });
            sockets.extend(inode.into_iter().collect::<Vec<u32>>());
        }
    }
    let own = listeners
        .into_iter()
        .filter(|listener| sockets.contains(&listener.inode));
    own.map(|listener| listener.port).collect()
}

fn descendants(of: u32, found: &mut BTreeSet<i32>) {
    let text = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    for pid in text
        .split_whitespace()
        .filter_map(|pid| pid.parse::<u32>().ok())
    {
        if found.insert(pid.cast_signed()) {
            descendants(pid, found);
        }
    }
}
