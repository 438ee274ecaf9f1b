//! The world: a user namespace with the network that all replicas of an unprivileged node share.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

/// A world that stands.
#[derive(Debug)]
pub(crate) struct World {}

impl World {
    pub(crate) async fn listen(&self, _address: SocketAddr) -> io::Result<TcpListener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn place(&self, _command: &mut Command) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) async fn connect(&self, _address: SocketAddr) -> io::Result<std::net::TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The whole life of `<ondol> world`.
pub fn main(_args: impl IntoIterator<Item = std::ffi::OsString>) -> ! {
    std::process::exit(2)
}
