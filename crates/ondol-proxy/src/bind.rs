use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use ondol_model::Transport;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Binds (and for TCP listens on) `address`, without blocking mode.
///
/// Without `SO_REUSEPORT` on purpose: a port that another process uses must be an error (`AddrInUse`), and one socket
/// that is handed on is enough, because one worker accepts and gives connections to the least loaded.
/// `[::]` takes IPv4 as well where the machine has both.
pub fn bind(address: SocketAddr, transport: Transport) -> io::Result<OwnedFd> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    if transport == Transport::Tcp {
        // Connections of an earlier listener that linger in TIME_WAIT must not keep the port.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if transport == Transport::Tcp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = std::net::TcpListener::from(
            bind("127.0.0.1:0".parse().unwrap(), Transport::Tcp).unwrap(),
        );
        let taken = first.local_addr().unwrap();
        let error = bind(taken, Transport::Tcp).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
