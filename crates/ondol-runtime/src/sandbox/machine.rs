//! What all replicas of a machine share: the bridge, the routes, the way out.

use std::fs;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use super::Subnets;
use crate::netlink::Network;

const PREFIX: u8 = 16;

/// Makes the bridge of the network that this process is in, its address, and the virtual addresses. What is there
/// already stays.
pub(crate) fn make_bridge(subnets: Subnets) -> io::Result<()> {
    let network = Network::here()?;
    let lo = network.index("lo")?;
    network.up(lo)?;
    network.add_bridge(&subnets.bridge())?;
    let bridge = network.index(&subnets.bridge())?;
    there_already(network.add_address(bridge, subnets.gateway(), PREFIX))?;
    there_already(network.add_local_route(subnets.services, PREFIX))
}

fn there_already(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other,
    }
}

/// Takes the bridge and the rules of the firewall down.
pub(crate) fn remove(subnets: Subnets) {
    let bridge = subnets.bridge();
    if let Ok(network) = Network::here() {
        let _ = network.remove(&bridge);
    }
    let _ = nftables(
        Command::new("nft"),
        &format!("table ip {bridge} {{}}\ndelete table ip {bridge}\n"),
    );
}

/// Lets replicas out of the machine, and keeps them from each other. The error says for people what is missing.
pub(crate) fn make_way_out(subnets: Subnets) -> Result<(), String> {
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        .map_err(|error| format!("forwarding cannot be switched on: {error}"))?;
    match nftables(Command::new("nft"), &rules(subnets)) {
        Ok(()) => Ok(()),
        Err(first) => iptables(subnets).map_err(|second| format!("{first}; {second}")),
    }
}

/// One table per bridge, made anew each time.
pub(crate) fn rules(subnets: Subnets) -> String {
    let bridge = subnets.bridge();
    let replicas = subnets.replicas;
    format!(
        "table ip {bridge} {{}}\n\
         delete table ip {bridge}\n\
         table ip {bridge} {{\n\
           chain out {{ type nat hook postrouting priority 100; \
             ip saddr {replicas}/{PREFIX} oifname != \"{bridge}\" masquerade; }}\n\
           chain across {{ type filter hook forward priority 0; \
             iifname \"{bridge}\" oifname \"{bridge}\" drop; }}\n\
         }}\n"
    )
}

/// Hands rules to the program `nft`.
pub(crate) fn nftables(mut nft: Command, rules: &str) -> Result<(), String> {
    let mut run = || -> io::Result<std::process::Output> {
        let mut nft = nft
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = nft.stdin.take() {
            stdin.write_all(rules.as_bytes())?;
        }
        nft.wait_with_output()
    };
    said("nft", run())
}

fn iptables(subnets: Subnets) -> Result<(), String> {
    let bridge = subnets.bridge();
    let network = format!("{}/{PREFIX}", subnets.replicas);
    let nat = [
        "-t",
        "nat",
        "POSTROUTING",
        "-s",
        &network,
        "!",
        "-o",
        &bridge,
        "-j",
        "MASQUERADE",
    ];
    let across = [
        "-t", "filter", "FORWARD", "-i", &bridge, "-o", &bridge, "-j", "DROP",
    ];
    for rule in [&nat[..], &across[..]] {
        let run = |verb: &str| {
            let mut command = Command::new("iptables");
            command.args(&rule[..2]).arg(verb).args(&rule[2..]);
            said("iptables", command.stdin(Stdio::null()).output())
        };
        if run("-C").is_err() {
            run("-I")?;
        }
    }
    Ok(())
}

fn said(program: &str, output: io::Result<std::process::Output>) -> Result<(), String> {
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{program}: {}",
                words.lines().next().unwrap_or("failed")
            ))
        }
        Err(error) => Err(format!("{program}: {error}")),
    }
}
