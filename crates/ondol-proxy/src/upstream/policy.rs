use std::sync::Arc;
use std::time::Duration;

use ondol_model::{
    BalanceBy, CrossZone, Dial, Fallback as Written, ServiceRef, Time, Traffic, TrafficPolicy,
};
use tokio::sync::Notify;

use super::circuit::{Circuit, Circuits};
use super::gate::Gate;
use crate::policy::cache::Stored;
use crate::policy::plan::Static;

/// How requests reach one service: what its file says, and what all workers know of it together.
///
/// A new snapshot brings a new one. What was learned goes over to it, as far as the rule is the same.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    pub traffic: Traffic,
    pub fallback: Vec<Fallback>,
    pub circuit: Option<Arc<Circuit>>,
    pub endpoint_circuits: Option<Arc<Circuits>>,
    pub gate: Option<Arc<Gate>>,
}

/// What is tried when the service gave no answer.
#[derive(Clone)]
pub(crate) enum Fallback {
    Service(ServiceRef, Option<u16>),
    Static(Static),
    /// What is kept of an earlier answer, if it has not been out of date for longer.
    Stale(Option<Duration>),
}

impl Policy {
    /// Whether `stored` may be given when the service gives no answer.
    pub(crate) fn accepts_stale(&self, stored: &Stored, now: Time) -> bool {
        self.fallback.iter().any(|fallback| match fallback {
            Fallback::Stale(age_max) => stored.may_stand_in(*age_max, now),
            Fallback::Service(..) | Fallback::Static(_) => false,
        })
    }

    /// Whether a request is sent to an endpoint that is picked without a look at it, and its answer passed on whatever
    /// it says. What follows when none comes does not matter here.
    pub(crate) fn only_sends_on(&self) -> bool {
        let Traffic {
            balance,
            resilience,
            dial,
            // What stands before it is looked at on the way.
            published: _,
            calls: _,
            wake_max: _,
        } = &self.traffic;
        let timeouts = &resilience.timeouts;
        self.circuit.is_none()
            && self.endpoint_circuits.is_none()
            && self.gate.is_none()
            && *dial == Dial::default()
            && balance.cross_zone == CrossZone::Always
            && !matches!(
                balance.by,
                BalanceBy::Header(_) | BalanceBy::Cookie(_) | BalanceBy::Ip
            )
            && resilience.retry.statuses.is_empty()
            && (resilience.fallback_on.is_empty() || self.fallback.is_empty())
            && [timeouts.response, timeouts.request, timeouts.idle] == [None; 3]
    }

    /// The error says for people what is wrong with it.
    pub(crate) fn new(
        policy: &TrafficPolicy,
        before: Option<&Policy>,
        workers: usize,
        changed: &Arc<Notify>,
    ) -> Result<Self, String> {
        let rules = &policy.traffic.resilience;
        let fallback = |written: &Written| {
            Ok(match written {
                Written::Stale { age_max } => Fallback::Stale(*age_max),
                Written::Static(answer) => Fallback::Static(Static::new(answer)?),
                Written::Service { service, port } => {
                    let project = policy.service.project.clone();
                    let service = service.clone();
                    Fallback::Service(ServiceRef { project, service }, *port)
                }
            })
        };
        let circuit = rules.breaker.as_ref().map(|rule| {
            let known = before.and_then(|before| before.circuit.clone());
            known
                .filter(|known| known.rule() == rule)
                .unwrap_or_else(|| Arc::new(Circuit::new(rule.clone(), workers, changed.clone())))
        });
        let endpoint_circuits = rules.endpoint_breaker.as_ref().map(|rule| {
            let known = before.and_then(|before| before.endpoint_circuits.clone());
            known
                .filter(|known| known.rule() == rule)
                .unwrap_or_else(|| Arc::new(Circuits::new(rule.clone(), workers, changed.clone())))
        });
        let (concurrency, shed) = (&rules.concurrency, &rules.shed);
        let gate = (concurrency.is_some() || shed.is_some()).then(|| {
            let known = before.and_then(|before| before.gate.clone());
            known
                .filter(|known| known.is_of(concurrency, shed))
                .unwrap_or_else(|| Arc::new(Gate::new(concurrency.clone(), shed.clone())))
        });
        Ok(Policy {
            traffic: policy.traffic.clone(),
            fallback: rules
                .fallback
                .iter()
                .map(fallback)
                .collect::<Result<_, String>>()?,
            circuit,
            endpoint_circuits,
            gate,
        })
    }
}
