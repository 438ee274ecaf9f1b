//! The process that holds a world.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, IoSlice, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use serde::{Deserialize, Serialize};

use super::{Answer, Asked, SOCKET};
use crate::sandbox::{Subnets, machine};

/// Somebody who connects and says nothing is not waited for longer.
const QUESTION: Duration = Duration::from_millis(500);

/// What the holder is told when it starts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Make a world for this user, who is root there.
    Make {
        uid: u32,
        gid: u32,
        subnets: Subnets,
    },
    /// Hold the one that it was started in.
    Hold,
}

/// The whole life of `<ondol> world <state folder>`. Call it at the very top of `main`, before any thread is started.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ! {
    let Some(dir) = args.into_iter().next() else {
        std::process::exit(2)
    };
    let Some(node) = crate::sys::inherited(0).map(UnixStream::from) else {
        std::process::exit(2)
    };
    let made = make(Path::new(&dir), &node);
    let answer: Answer = made.as_ref().map(drop).map_err(io::Error::to_string);
    let _ = (&node).write_all(&crate::shim::wire::line(&answer));
    drop(node);
    match made {
        Ok(listener) => serve(&listener),
        Err(_) => std::process::exit(1),
    }
}

fn make(dir: &Path, node: &UnixStream) -> io::Result<UnixListener> {
    crate::sys::close_from(3);
    let _ = nix::unistd::setsid();
    let mut line = String::new();
    BufReader::new(node).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    if let Order::Make { uid, gid, subnets } = order {
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
        machine::make_bridge(subnets)?;
        // Also without a way out: what cannot get out is told so at once, instead of waiting.
        let _ = fs::write("/proc/sys/net/ipv4/ip_forward", "1");
    }
    std::env::set_current_dir(dir)?;
    let _ = fs::remove_file(SOCKET);
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    UnixListener::bind(SOCKET)
}

fn serve(listener: &UnixListener) -> ! {
    loop {
        if let Ok((stream, _)) = listener.accept() {
            let _ = answer(&stream);
        }
    }
}

fn answer(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(QUESTION))?;
    stream.set_write_timeout(Some(QUESTION))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let socket = match serde_json::from_str(&line)? {
        Asked::Listen(address) => crate::net::listen(address).map(OwnedFd::from),
        Asked::Connect(address) => connect(address),
        Asked::End => {
            let _ = fs::remove_file(SOCKET);
            std::process::exit(0)
        }
    };
    match socket {
        Ok(socket) => send(stream, &socket),
        Err(error) => {
            let answer: Answer = Err(error.to_string());
            let mut stream = stream;
            stream.write_all(&crate::shim::wire::line(&answer))
        }
    }
}

fn send(stream: &UnixStream, socket: &OwnedFd) -> io::Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let answer: Answer = Ok(());
    let line = crate::shim::wire::line(&answer);
    let fds = [socket.as_fd().as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(&line)],
        &control,
        MsgFlags::empty(),
        None,
    )?;
    Ok(())
}

/// Begins to connect; the node waits for the outcome.
fn connect(address: SocketAddr) -> io::Result<OwnedFd> {
    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, connect, socket,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let open = |family| socket(family, SockType::Stream, flags, None);
    let (fd, begun) = match address {
        SocketAddr::V4(v4) => {
            let fd = open(AddressFamily::Inet)?;
            let begun = connect(fd.as_raw_fd(), &SockaddrIn::from(v4));
            (fd, begun)
        }
        SocketAddr::V6(v6) => {
            let fd = open(AddressFamily::Inet6)?;
            let begun = connect(fd.as_raw_fd(), &SockaddrIn6::from(v6));
            (fd, begun)
        }
    };
    match begun {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}
