use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ondol_model::ReplicaId;

/// Which replica has which address. A replica keeps its address until it is discarded.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    by_ip: BTreeMap<Ipv4Addr, ReplicaId>,
    by_replica: BTreeMap<ReplicaId, Ipv4Addr>,
    /// Where the last search ended: an address that was given back is not handed out again at once,
    /// because others may still have it in mind.
    last: u16,
}

impl Addresses {
    /// The replica's address in `network` (a /16); `None` when all are taken.
    pub(super) fn of(&mut self, replica: &ReplicaId, network: Ipv4Addr) -> Option<Ipv4Addr> {
        if let Some(&ip) = self.by_replica.get(replica) {
            return Some(ip);
        }
        let [a, b, ..] = network.octets();
        for _ in 0..=u16::MAX {
            self.last = self.last.wrapping_add(1);
            let [c, d] = self.last.to_be_bytes();
            let ip = Ipv4Addr::new(a, b, c, d);
            // x.x.0.1 is the gateway; .0 and .255 are avoided for programs that think in /24.
            if d == 0 || d == 255 || (c, d) == (0, 1) || self.by_ip.contains_key(&ip) {
                continue;
            }
            self.take(replica, ip);
            return Some(ip);
        }
        None
    }

    /// The replica was found with this address.
    pub(super) fn take(&mut self, replica: &ReplicaId, ip: Ipv4Addr) {
        self.by_ip.insert(ip, replica.clone());
        self.by_replica.insert(replica.clone(), ip);
    }

    /// The replica is gone.
    pub(super) fn give_back(&mut self, replica: &ReplicaId) {
        if let Some(ip) = self.by_replica.remove(replica) {
            self.by_ip.remove(&ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(number: u32) -> ReplicaId {
        ReplicaId {
            project: "shop".parse().unwrap(),
            service: "web".parse().unwrap(),
            number,
        }
    }

    #[test]
    fn a_replica_keeps_its_address_and_nobody_else_gets_it() {
        let network = Ipv4Addr::new(10, 77, 0, 0);
        let mut addresses = Addresses::default();
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1000 {
            assert!(seen.insert(addresses.of(&replica(number), network).unwrap()));
        }
        let first = addresses.of(&replica(0), network);
        assert_eq!(first, Some(Ipv4Addr::new(10, 77, 0, 2)));
        assert!(!seen.contains(&Ipv4Addr::new(10, 77, 0, 1)));
        addresses.give_back(&replica(0));
        assert_ne!(addresses.of(&replica(5000), network), first);
        assert_ne!(addresses.of(&replica(0), network), first);
    }
}
