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

/// Moves this process into a network of its own, joined to the bridge of the one it was in.
/// Returns a socket that tells who listens there.
pub(super) fn join(plan: &Network) -> Result<OwnedFd, String> {
    let step =
        |what: &'static str| move |error: io::Error| format!("its network ({what}): {error}");
    let outside = netlink::Network::here().map_err(step("netlink"))?;
    let bridge = outside.index(&plan.bridge).map_err(step("the bridge"))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| format!("a network of its own: {error}"))?;
    let pair = Pair {
        bridge,
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
        .add_default_route(plan.gateway)
        .map_err(step("route"))?;
    // As in a container: a service that is not root may listen on port 80 of its own address.
    let _ = fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    netlink::diagnosis().map_err(step("diagnosis"))
}
