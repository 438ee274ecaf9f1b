//! The world: a user namespace with the network that all replicas of an unprivileged node share.
//!
//! A small process holds it, outlives the node, and opens sockets inside for the node, which cannot go there itself.

mod holder;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use holder::main;

use crate::engine::Config;
use crate::sandbox::Subnets;

/// Name of the socket in the state folder.
const SOCKET: &str = "world.sock";
/// The holder answers within a millisecond.
const ANSWER: Duration = Duration::from_secs(5);

/// To the holder; one per connection, as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    /// A listening TCP socket.
    Listen(SocketAddr),
    /// A TCP socket that is connecting.
    Connect(SocketAddr),
    /// End, when nobody needs the world any more.
    End,
}

/// From the holder, with the socket beside it when there is one.
type Answer = Result<(), String>;

/// A world that stands.
#[derive(Debug)]
pub(crate) struct World {
    state_dir: PathBuf,
    pid: i32,
    /// Names its network among all that there are and were since the machine started.
    id: u64,
}

impl World {
    /// Finds the one of this state folder, or makes it.
    pub(crate) async fn open(config: &Config) -> io::Result<World> {
        let config = config.clone();
        tokio::task::spawn_blocking(move || match find(&config.state_dir) {
            Ok(world) => Ok(world),
            Err(_) => {
                make(&config)?;
                find(&config.state_dir)
            }
        })
        .await?
    }

    /// Tells this world from one that was there before it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// A socket that listens inside, not blocking.
    pub(crate) async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        self.fetch(Asked::Listen(address))
            .await
            .map(TcpListener::from)
    }

    /// A socket that connects inside and may not have finished yet, not blocking.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.fetch(Asked::Connect(address))
            .await
            .map(TcpStream::from)
    }

    /// Lets a process that is about to be started begin inside; with `own_network` false, as the world's user but
    /// on the machine's network.
    pub(crate) fn place(&self, command: &mut Command, own_network: bool) -> io::Result<()> {
        // Entering a user namespace gives the right to enter those that belong to it.
        let kinds = if own_network {
            &["user", "net"][..]
        } else {
            &["user"]
        };
        let namespaces = kinds.iter().map(|kind| File::open(self.namespace(kind)));
        let opened: io::Result<Vec<OwnedFd>> =
            namespaces.map(|file| file.map(OwnedFd::from)).collect();
        crate::sys::join_before_exec(command, opened?);
        Ok(())
    }

    fn namespace(&self, kind: &str) -> String {
        format!("/proc/{}/ns/{kind}", self.pid)
    }

    async fn fetch(&self, asked: Asked) -> io::Result<OwnedFd> {
        let dir = self.state_dir.clone();
        tokio::task::spawn_blocking(move || {
            ask(&dir, &asked)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
        })
        .await?
    }
}

/// Ends the world of a state folder, if there is one.
pub(crate) fn end(state_dir: &Path) {
    let _ = ask(state_dir, &Asked::End);
}

fn find(state_dir: &Path) -> io::Result<World> {
    let stream = crate::net::connect_unix(state_dir, SOCKET)?;
    let peer = nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::PeerCredentials)?;
    let mut world = World {
        state_dir: state_dir.to_owned(),
        pid: peer.pid(),
        id: 0,
    };
    world.id = std::fs::metadata(world.namespace("net"))?.ino();
    Ok(world)
}

/// What the holder is told when it starts.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    uid: u32,
    gid: u32,
    subnets: Subnets,
}

fn make(config: &Config) -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(&config.ondol)
        .arg("world")
        .arg(&config.state_dir)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let order = Order {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        subnets: config.subnets,
    };
    let mut ours = BufReader::new(ours);
    ours.get_ref().set_read_timeout(Some(ANSWER))?;
    ours.get_mut().write_all(&crate::shim::wire::line(&order))?;
    let mut line = String::new();
    ours.read_line(&mut line)?;
    // It stays this node's child and is taken note of when it ends; whoever comes later finds it by its socket.
    std::thread::Builder::new()
        .stack_size(32 << 10)
        .spawn(move || child.wait())?;
    match serde_json::from_str::<Answer>(&line) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(io::Error::other(why)),
        Err(_) => Err(io::Error::other(
            "the holder of the world ended without a word",
        )),
    }
}

fn ask(state_dir: &Path, asked: &Asked) -> io::Result<Option<OwnedFd>> {
    let mut stream = crate::net::connect_unix(state_dir, SOCKET)?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(&crate::shim::wire::line(asked))?;
    let (mut line, socket) = receive(&stream)?;
    stream.read_to_end(&mut line)?;
    match serde_json::from_slice::<Answer>(&line) {
        Ok(Ok(())) => Ok(socket),
        Ok(Err(why)) => Err(io::Error::other(why)),
        Err(error) => Err(error.into()),
    }
}

/// Bytes, and the descriptor that came with them.
fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut bytes = [0; 512];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let mut socket = None;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            socket = numbers.first().map(|&number| crate::sys::received(number));
        }
    }
    let read = message.bytes;
    Ok((bytes[..read].to_vec(), socket))
}
