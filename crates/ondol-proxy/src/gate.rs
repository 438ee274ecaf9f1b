//! What stands before a route, compiled and shared by all workers.

mod auth;
mod kept;
mod problems;
mod shared;

use std::net::IpAddr;
use std::sync::Arc;

use ondol_model::{Guard, LimitBy, Time};

pub(crate) use auth::{AuthGate, User, Way as AuthWay};
pub(crate) use kept::Kept;
pub use problems::file_problems;
pub(crate) use shared::Gates;

use crate::Refusal;
use crate::policy::limit::Limiter;

/// The compiled guard of one route.
pub(crate) struct Gate {
    pub guard: Guard,
    pub limits: Vec<(LimitBy, Arc<Limiter>)>,
    pub auth: Option<Arc<AuthGate>>,
    pub kept: Option<Kept>,
}

impl Gate {
    /// Whether it lets pass by address and count alone, without a look at the request, and leaves answers as they are.
    /// Whether they are kept is another matter.
    pub(crate) fn only_counts(&self) -> bool {
        let Gate {
            guard,
            limits,
            auth,
            kept: _,
        } = self;
        let Guard {
            allow: _,
            deny: _,
            // They stand beside it, compiled.
            limits: _,
            auth: _,
            cache: _,
            compress,
        } = guard;
        let by_request = |(by, _): &(LimitBy, _)| matches!(by, LimitBy::Header(_));
        auth.is_none() && !compress && !limits.iter().any(by_request)
    }

    /// Whether clients of this address may ask at all.
    pub(crate) fn lets_in(&self, ip: IpAddr) -> bool {
        let Guard { allow, deny, .. } = &self.guard;
        let inside = |nets: &[ondol_model::IpNet]| nets.iter().any(|net| net.contains(ip));
        !inside(deny) && (allow.is_empty() || inside(allow))
    }

    /// Whether a connection that carries bytes may go on. It counts as one request, and cannot say who it is.
    pub(crate) fn lets_bytes_in(
        &self,
        ip: IpAddr,
        gates: &Gates,
        now: Time,
    ) -> Result<(), Refusal> {
        if !self.lets_in(ip) {
            return Err(Refusal::AddressNotAllowed);
        }
        if self.auth.is_some() {
            return Err(Refusal::NotAuthenticated);
        }
        for (by, limiter) in &self.limits {
            let key = match by {
                LimitBy::Ip => gates.hash(&network(ip)),
                LimitBy::Header(_) | LimitBy::User | LimitBy::All => 0,
            };
            limiter
                .admit(key, now)
                .map_err(|_| Refusal::TooManyRequests)?;
        }
        Ok(())
    }
}

/// What one client has: an IPv4 address, or a /64 of IPv6, in which it may change its address at will.
pub(crate) fn network(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_ipv6_is_its_network() {
        let network = |ip: &str| network(ip.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }

    #[test]
    fn who_is_denied_stays_out_also_when_allowed() {
        let guard = Guard {
            allow: vec!["10.0.0.0/8".parse().unwrap()],
            deny: vec!["10.6.0.0/16".parse().unwrap()],
            ..Guard::default()
        };
        let gate = Gate {
            guard,
            limits: Vec::new(),
            auth: None,
            kept: None,
        };
        assert!(gate.lets_in([10, 1, 2, 3].into()));
        assert!(!gate.lets_in([10, 6, 2, 3].into()));
        assert!(!gate.lets_in([11, 1, 2, 3].into()));
    }
}
