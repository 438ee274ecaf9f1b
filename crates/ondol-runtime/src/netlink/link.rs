use std::io;

use super::message::Message;
use super::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, Network, RTM_DELLINK, RTM_NEWLINK,
};

const ADDRESS: u16 = 1;
pub(super) const IFNAME: u16 = 3;
const MASTER: u16 = 10;
const LINKINFO: u16 = 18;
const NET_NS_PID: u16 = 19;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_SLAVE_KIND: u16 = 4;
const INFO_SLAVE_DATA: u16 = 5;
const VETH_PEER: u16 = 1;
const BRIDGE_PORT_ISOLATED: u16 = 33;
const UP: u32 = libc::IFF_UP as u32;

/// Two interfaces that are joined: what enters one leaves the other.
pub(crate) struct Pair<'a> {
    /// The bridge that the near end is a port of.
    pub(crate) bridge: u32,
    /// The near end's name.
    pub(crate) near: &'a str,
    /// The far end's name.
    pub(crate) far: &'a str,
    /// The far end's hardware address.
    pub(crate) far_address: [u8; 6],
    /// The far end is in the network of this process.
    pub(crate) far_pid: u32,
}

impl Network {
    /// Makes a bridge and brings it up; that it is there already is fine.
    pub(crate) fn add_bridge(&self, name: &str) -> io::Result<()> {
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let mut add = Message::new(RTM_NEWLINK, flags);
        add.put(&head(0, UP))
            .text(IFNAME, name)
            .nest(LINKINFO, |info| {
                info.text(INFO_KIND, "bridge");
            });
        match self.tell(&add.done()) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => self.up(self.index(name)?),
            other => other,
        }
    }

    /// Makes a pair whose near end is an isolated port of a bridge: it reaches the bridge, not its other ports.
    pub(crate) fn add_pair(&self, pair: &Pair<'_>) -> io::Result<()> {
        let mut made = self.tell(&pair.message());
        if made
            .as_ref()
            .is_err_and(|error| error.raw_os_error() == Some(libc::EEXIST))
        {
            // Of an earlier start, whose network the kernel has not taken down yet.
            self.remove(pair.near)?;
            made = self.tell(&pair.message());
        }
        made?;
        let index = self.index(pair.near)?;
        let mut isolate = Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
        isolate.put(&head(index, UP)).nest(LINKINFO, |info| {
            info.text(INFO_SLAVE_KIND, "bridge")
                .nest(INFO_SLAVE_DATA, |data| {
                    data.attribute(BRIDGE_PORT_ISOLATED, &[1]);
                });
        });
        self.tell(&isolate.done())
    }

    /// Removes an interface; that it is not there is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let mut remove = Message::new(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK);
        remove.put(&head(0, 0)).text(IFNAME, name);
        match self.tell(&remove.done()) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    /// Switches an interface on.
    pub(crate) fn up(&self, index: u32) -> io::Result<()> {
        let mut set = Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
        set.put(&head(index, UP));
        self.tell(&set.done())
    }
}

impl Pair<'_> {
    fn message(&self) -> Vec<u8> {
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let mut add = Message::new(RTM_NEWLINK, flags);
        add.put(&head(0, UP))
            .text(IFNAME, self.near)
            .attribute(MASTER, &self.bridge.to_ne_bytes())
            .nest(LINKINFO, |info| {
                info.text(INFO_KIND, "veth").nest(INFO_DATA, |data| {
                    data.nest(VETH_PEER, |peer| {
                        peer.put(&head(0, 0))
                            .text(IFNAME, self.far)
                            .attribute(ADDRESS, &self.far_address)
                            .attribute(NET_NS_PID, &self.far_pid.to_ne_bytes());
                    });
                });
            });
        add.done()
    }
}

/// struct ifinfomsg: the interface and the flags to switch on.
pub(super) fn head(index: u32, flags: u32) -> [u8; 16] {
    let mut head = [0; 16];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..].copy_from_slice(&flags.to_ne_bytes());
    head
}
