//! The few words of netlink that are needed here (rtnetlink(7), sock_diag(7)): no `ip` program is.

mod diagnosis;
mod link;
mod message;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

pub(crate) use diagnosis::{listeners_here, listening, socket as diagnosis};
pub(crate) use link::Pair;
use message::{Message, each};

const ROUTE: SockProtocol = SockProtocol::NetlinkRoute;
const ANSWER_BYTES_MAX: usize = 32 << 10;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

/// Interfaces, addresses and routes of the network in which it was opened, wherever this process is later.
#[derive(Debug)]
pub(crate) struct Network {
    socket: OwnedFd,
}

impl Network {
    /// The network that this process is in now.
    pub(crate) fn here() -> io::Result<Self> {
        Ok(Network {
            socket: open(ROUTE)?,
        })
    }

    /// The number of an interface.
    pub(crate) fn index(&self, name: &str) -> io::Result<u32> {
        let mut ask = Message::new(RTM_GETLINK, NLM_F_REQUEST);
        ask.put(&link::head(0, 0)).text(link::IFNAME, name);
        send(self.socket.as_raw_fd(), &ask.done(), MsgFlags::empty())?;
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        let read = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut found = Err(io::ErrorKind::InvalidData.into());
        each(&buffer[..read], |kind, body| match kind {
            RTM_NEWLINK => {
                if let Some(index) = body.get(4..8).and_then(|four| four.first_chunk()) {
                    found = Ok(u32::from_ne_bytes(*index));
                }
            }
            NLMSG_ERROR => found = outcome(body).and(Err(io::ErrorKind::NotFound.into())),
            _ => {}
        });
        found
    }

    /// Gives an interface an address.
    pub(crate) fn add_address(&self, index: u32, ip: Ipv4Addr, prefix: u8) -> io::Result<()> {
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        let [a, b, c, d] = index.to_ne_bytes();
        let mut add = Message::new(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        add.put(&[libc::AF_INET as u8, prefix, 0, 0, a, b, c, d])
            .attribute(IFA_LOCAL, &ip.octets())
            .attribute(IFA_ADDRESS, &ip.octets());
        self.tell(&add.done())
    }

    /// Sends what is for a network, or for nobody near, to `gateway`.
    pub(crate) fn add_route(
        &self,
        to: Option<(Ipv4Addr, u8)>,
        gateway: Ipv4Addr,
    ) -> io::Result<()> {
        const RTA_DST: u16 = 1;
        const RTA_GATEWAY: u16 = 5;
        const MAIN: u8 = 254;
        const UNICAST: u8 = 1;
        let mut add = Message::new(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        let prefix = to.map_or(0, |(_, prefix)| prefix);
        add.put(&route_head(prefix, MAIN, UNICAST));
        if let Some((network, _)) = to {
            add.attribute(RTA_DST, &network.octets());
        }
        add.attribute(RTA_GATEWAY, &gateway.octets());
        self.tell(&add.done())
    }

    /// Makes every address of a network one of this machine, so that any of them can be bound.
    pub(crate) fn add_local_route(&self, network: Ipv4Addr, prefix: u8) -> io::Result<()> {
        const RTA_DST: u16 = 1;
        const RTA_OIF: u16 = 4;
        const LOCAL_TABLE: u8 = 255;
        const LOCAL: u8 = 2;
        let lo = self.index("lo")?;
        let mut add = Message::new(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        add.put(&route_head(prefix, LOCAL_TABLE, LOCAL))
            .attribute(RTA_DST, &network.octets())
            .attribute(RTA_OIF, &lo.to_ne_bytes());
        self.tell(&add.done())
    }

    /// Sends a message and waits for the kernel's word on it.
    fn tell(&self, message: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), message, MsgFlags::empty())?;
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        let read = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut word = Err(io::ErrorKind::InvalidData.into());
        each(&buffer[..read], |kind, body| {
            if kind == NLMSG_ERROR {
                word = outcome(body);
            }
        });
        word
    }
}

fn open(protocol: SockProtocol) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socket(
        AddressFamily::Netlink,
        SockType::Raw,
        flags,
        protocol,
    )?)
}

/// The kernel's error number, 0 for success (netlink(7), struct nlmsgerr).
fn outcome(body: &[u8]) -> io::Result<()> {
    match body.first_chunk().map(|four| i32::from_ne_bytes(*four)) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// struct rtmsg.
fn route_head(prefix: u8, table: u8, kind: u8) -> [u8; 12] {
    const STATIC: u8 = 4;
    let scope = if kind == 2 { 254 } else { 0 };
    let family = libc::AF_INET as u8;
    [family, prefix, 0, 0, table, STATIC, scope, kind, 0, 0, 0, 0]
}
