//! What stands before a route, compiled and shared by all workers.

mod auth;
mod kept;
mod problems;
mod shared;

use std::net::IpAddr;
use std::sync::Arc;

use ondol_model::{Guard, LimitBy};

pub(crate) use auth::{AuthGate, User, Way as AuthWay};
pub(crate) use kept::Kept;
pub use problems::file_problems;
pub(crate) use shared::Gates;

use crate::policy::limit::Limiter;

/// The compiled guard of one route.
pub(crate) struct Gate {
    pub guard: Guard,
    pub limits: Vec<(LimitBy, Arc<Limiter>)>,
    pub auth: Option<Arc<AuthGate>>,
    pub kept: Option<Kept>,
}

impl Gate {
    /// Whether clients of this address may ask at all.
    pub(crate) fn lets_in(&self, ip: IpAddr) -> bool {
        let Guard { allow, deny, .. } = &self.guard;
        let inside = |nets: &[ondol_model::IpNet]| nets.iter().any(|net| net.contains(ip));
        !inside(deny) && (allow.is_empty() || inside(allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
