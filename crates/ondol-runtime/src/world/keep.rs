//! There is always a holder: found, made, or made anew in the place of one that was killed.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::holder::Order;
use super::namespaces::Namespaces;
use super::{ANSWER, Answer, SOCKET};
use crate::engine::Config;
use crate::process::{self, Process};

/// Between two tries to start a holder, on a machine that has no process left to give.
const AGAIN: Duration = Duration::from_millis(500);

/// A process that holds a world.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) namespaces: Arc<Namespaces>,
    pub(super) process: Process,
    /// When this node started it.
    child: Option<Child>,
}

/// The holder of a state folder.
pub(super) fn find_or_make(config: &Config) -> io::Result<Holder> {
    find(config).or_else(|_| {
        let order = Order::Make {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            subnets: config.subnets,
        };
        start(config, command(config), &order)
    })
}

/// Starts another one whenever it ends. Whoever makes the world end stops this first.
pub(super) async fn keep(config: Config, mut holder: Holder) {
    loop {
        if let Some(child) = holder.child.take() {
            process::reap(child);
        }
        holder.process.ended().await;
        let (again, namespaces) = (config.clone(), holder.namespaces.clone());
        let replaced = tokio::task::spawn_blocking(move || replace(&again, &namespaces)).await;
        match replaced {
            Ok(Ok(next)) => {
                holder.process = next.process;
                holder.child = next.child;
            }
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}

fn replace(config: &Config, namespaces: &Namespaces) -> io::Result<Holder> {
    let mut command = command(config);
    namespaces.place(&mut command, true)?;
    start(config, command, &Order::Hold)
}

fn command(config: &Config) -> Command {
    let mut command = Command::new(&config.ondol);
    command
        .arg("world")
        .arg(&config.state_dir)
        .env_clear()
        .current_dir("/");
    command
}

fn start(config: &Config, mut command: Command, order: &Order) -> io::Result<Holder> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // It has the other end of the connection still.
    drop(command);
    match hear(ours, order).and_then(|()| find(config)) {
        Ok(holder) => Ok(Holder {
            child: Some(child),
            ..holder
        }),
        Err(error) => {
            let mut child = child;
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

fn hear(stream: UnixStream, order: &Order) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.get_ref().set_read_timeout(Some(ANSWER))?;
    stream
        .get_mut()
        .write_all(&crate::shim::wire::line(order))?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    match serde_json::from_str::<Answer>(&line) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(io::Error::other(why)),
        Err(_) => Err(io::Error::other(
            "the holder of the world ended without a word",
        )),
    }
}

/// The one that listens on the socket.
pub(super) fn find(config: &Config) -> io::Result<Holder> {
    let stream = crate::net::connect_unix(&config.state_dir, SOCKET)?;
    let peer = nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::PeerCredentials)?;
    let process = Process::of(peer.pid()).ok_or(io::ErrorKind::NotFound)?;
    Ok(Holder {
        namespaces: Arc::new(Namespaces::of(peer.pid())?),
        process,
        child: None,
    })
}
