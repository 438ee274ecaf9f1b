use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use nix::sched::{CloneFlags, unshare};

use crate::netlink::{self, Pair};
use crate::spec::Network;

const FAR: &str = "eth0";

/// The same for every start with this address: others remember for seconds where they last met it (ARP, RFC 826),
/// and would talk to nobody meanwhile. Locally administered (IEEE 802c).
fn hardware_address(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x0d, a, b, c, d]
}

/// A network of its own, joined to the bridge of the one that the shim was in.
#[derive(Debug)]
pub(super) struct Joining<'a> {
    plan: &'a Network,
    outside: netlink::Network,
}

impl<'a> Joining<'a> {
    /// Moves this process into it; nothing is in it yet.
    pub(super) fn begin(plan: &'a Network) -> Result<Self, String> {
        let outside = netlink::Network::here().map_err(step("netlink"))?;
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(|error| format!("a network of its own: {error}"))?;
        Ok(Joining { plan, outside })
    }

    /// Joins it to the bridge: interfaces, address, routes.
    pub(super) fn finish(&self) -> Result<(), String> {
        let Joining { plan, outside } = self;
        let pair = Pair {
            bridge: outside.index(&plan.bridge).map_err(step("the bridge"))?,
            near: &plan.port,
            far: FAR,
            far_address: hardware_address(plan.ip),
            far_pid: std::process::id(),
        };
        outside.add_pair(&pair).map_err(step("interfaces"))?;
        let inside = netlink::Network::here().map_err(step("netlink"))?;
        let lo = inside.index("lo").map_err(step("lo"))?;
        inside.up(lo).map_err(step("lo"))?;
        let far = inside.index(FAR).map_err(step(FAR))?;
        inside
            .add_address(far, plan.ip, plan.prefix)
            .map_err(step("address"))?;
        inside.up(far).map_err(step(FAR))?;
        inside
            .add_route(plan.only.map(|network| (network, 16)), plan.gateway)
            .map_err(step("route"))?;
        // As in a container: a service that is not root may listen on port 80 of its own address.
        let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        Ok(())
    }

    /// A socket that tells who listens there.
    pub(super) fn diagnosis(&self) -> Result<OwnedFd, String> {
        netlink::diagnosis().map_err(step("diagnosis"))
    }
}

fn step(what: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("its network ({what}): {error}")
}
