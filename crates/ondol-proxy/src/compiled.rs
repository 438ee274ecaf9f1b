use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{
    Listener, ListenerId, Purpose, Route, ServiceRef, Snapshot, TrafficPolicy, Treatment,
};
use tokio::sync::Notify;

use crate::gate::Gate;
use crate::policy::plan::Plan;
use crate::policy::route::Routes;
use crate::status::CircuitStatus;
use crate::upstream::Policy;
use crate::worker::Crew;

/// A snapshot and all that is derived from it: made once, beside the workers, and shared by them.
#[derive(Default)]
pub(crate) struct Compiled {
    pub snapshot: Snapshot,
    pub edges: BTreeMap<ListenerId, Arc<Edge>>,
    /// By listener of one service.
    pub fronts: BTreeMap<ListenerId, Arc<Front>>,
    pub policies: BTreeMap<ServiceRef, Arc<Policy>>,
}

/// What stands before a service at an address of its own.
pub(crate) struct Front {
    pub plan: Plan,
    pub gate: Arc<Gate>,
}

/// The routes of one listener, and what each of them does.
#[derive(Default)]
pub(crate) struct Edge {
    pub routes: Routes,
    pub plans: Vec<Plan>,
    /// What each of them matches, in words.
    pub names: Vec<Arc<str>>,
    /// What stands before each of them.
    pub gates: Vec<Option<Arc<Gate>>>,
}

impl Compiled {
    /// The error says for people what is wrong with the snapshot. `changed` is told when a circuit opens or closes.
    pub(crate) fn new(
        snapshot: Snapshot,
        before: &Compiled,
        crew: &Crew,
        changed: &Arc<Notify>,
    ) -> Result<Self, String> {
        let mut edges = BTreeMap::new();
        for listener in &snapshot.listeners {
            if let Purpose::Edge { routes } = &listener.purpose {
                let edge = match before.edge_of(listener, &snapshot) {
                    Some(known) => known,
                    None => Edge::new(routes, &snapshot, crew)
                        .map(Arc::new)
                        .map_err(|why| format!("{}: {why}", listener.address))?,
                };
                edges.insert(listener.id, edge);
            }
        }
        let mut policies = BTreeMap::new();
        for policy in &snapshot.traffic {
            let known = before.policies.get(&policy.service).map(Arc::as_ref);
            let new = Policy::new(policy, known, crew.count(), changed);
            let new = new.map_err(|why| format!("{}: {why}", policy.service))?;
            policies.insert(policy.service.clone(), Arc::new(new));
        }
        let fronts = fronts(&snapshot, crew)?;
        Ok(Compiled {
            snapshot,
            edges,
            fronts,
            policies,
        })
    }

    /// The routes of a listener of `next`, where nothing of them changes: most snapshots change little, and routes may
    /// be many.
    fn edge_of(&self, listener: &Listener, next: &Snapshot) -> Option<Arc<Edge>> {
        let mut known = self.snapshot.listeners.iter();
        let known = known.find(|known| known.id == listener.id)?;
        let same = known.purpose == listener.purpose && self.snapshot.files == next.files;
        self.edges.get(&listener.id).filter(|_| same).cloned()
    }

    /// The circuits that are not closed.
    pub(crate) fn circuits(&self) -> Vec<CircuitStatus> {
        let mut circuits = Vec::new();
        for (service, policy) in &self.policies {
            if let Some(circuit) = &policy.circuit {
                let status = CircuitStatus::of(service, None, circuit.rule(), circuit.stand());
                circuits.extend(status);
            }
            if let Some(endpoints) = &policy.endpoint_circuits {
                let status =
                    |(run, stand)| CircuitStatus::of(service, Some(run), endpoints.rule(), stand);
                circuits.extend(endpoints.stands().into_iter().filter_map(status));
            }
        }
        circuits
    }
}

fn fronts(snapshot: &Snapshot, crew: &Crew) -> Result<BTreeMap<ListenerId, Arc<Front>>, String> {
    let mut fronts = BTreeMap::new();
    for listener in &snapshot.listeners {
        let (service, port, is_call) = match &listener.purpose {
            Purpose::Edge { .. } => continue,
            Purpose::Published { service, port, .. } => (service, port, false),
            Purpose::Virtual { service, port, .. } => (service, port, true),
        };
        let policy = snapshot
            .traffic
            .iter()
            .find(|policy| policy.service == *service);
        let Some(TrafficPolicy { traffic, .. }) = policy else {
            continue;
        };
        let (door, guard) = match is_call {
            true => ("calls", &traffic.calls),
            false => ("published", &traffic.published),
        };
        let route = Route {
            // Tells what is counted here from what is counted elsewhere.
            path: format!("{door}:{port}"),
            treatment: Treatment {
                guard: guard.clone(),
                ..Treatment::default()
            },
            ..Route::default()
        };
        if let Some(gate) = crew.gates.gate(&route, service, &snapshot.files) {
            let plan = Plan::new(&route).map_err(|why| format!("{service}: {why}"))?;
            let gate = Arc::new(gate);
            fronts.insert(listener.id, Arc::new(Front { plan, gate }));
        }
    }
    Ok(fronts)
}

impl Edge {
    fn new(
        routes: &[(Route, ServiceRef)],
        snapshot: &Snapshot,
        crew: &Crew,
    ) -> Result<Self, String> {
        let gate = |(route, service): &(Route, ServiceRef)| {
            let gate = crew.gates.gate(route, service, &snapshot.files);
            gate.map(Arc::new)
        };
        let gates = routes.iter().map(gate).collect();
        let routes = routes.iter().map(|(route, _)| route);
        Ok(Edge {
            gates,
            names: routes.clone().map(|route| route.pattern().into()).collect(),
            plans: routes.clone().map(Plan::new).collect::<Result<_, _>>()?,
            routes: Routes::new(routes)?,
        })
    }
}
