//! The world: a user namespace with the network that all replicas of an unprivileged node share.
//!
//! A small process holds it, outlives the node, and opens sockets inside for the node, which cannot go there itself.
//! The node has the namespaces in hand too: a holder that was killed is replaced, and nobody notices.

mod holder;
mod keep;
mod namespaces;
mod way_out;

use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use crate::engine::Config;
pub use holder::main;
use namespaces::Namespaces;
pub(crate) use way_out::Way;

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
    namespaces: Arc<Namespaces>,
    way_out: way_out::Watch,
    /// What keeps the holder and the way out alive.
    keepers: [AbortHandle; 2],
}

impl World {
    /// Finds the one of this state folder, or makes it. Call inside a tokio runtime.
    pub(crate) async fn open(config: &Config) -> io::Result<World> {
        let order = config.clone();
        let holder = tokio::task::spawn_blocking(move || keep::find_or_make(&order)).await??;
        let namespaces = holder.namespaces.clone();
        let (keeper, way_out) = way_out::keep(config, namespaces.clone()).await;
        let keepers = [
            tokio::spawn(keep::keep(config.clone(), holder)).abort_handle(),
            keeper,
        ];
        Ok(World {
            state_dir: config.state_dir.clone(),
            namespaces,
            way_out,
            keepers,
        })
    }

    /// Tells this world from one that was there before it.
    pub(crate) fn id(&self) -> u64 {
        self.namespaces.id
    }

    /// Whether its replicas can call the outside.
    pub(crate) fn way_out(&self) -> Way {
        self.way_out.borrow().clone()
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
        self.namespaces.place(command, own_network)
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.leave();
        way_out::end(&self.state_dir);
        let _ = ask(&self.state_dir, &Asked::End);
    }

    /// From now on the next node keeps it.
    fn leave(&self) {
        for keeper in &self.keepers {
            keeper.abort();
        }
    }

    async fn fetch(&self, asked: Asked) -> io::Result<OwnedFd> {
        let dir = self.state_dir.clone();
        tokio::task::spawn_blocking(move || {
            ask(&dir, &asked)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
        })
        .await?
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.leave();
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
