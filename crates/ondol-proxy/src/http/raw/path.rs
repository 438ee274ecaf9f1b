//! Where a request goes that is only passed on.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, Method, Version};

use super::super::exchange::Exchange;
use super::request::Plain;
use crate::gate::Gate;
use crate::policy::path::{host_name, normal};
use crate::policy::plan::share;
use crate::policy::protocol::Protocol;
use crate::policy::route::Ask;
use crate::upstream::Cluster;
use crate::worker::{Destination, Target};

/// Where that is.
pub(super) struct Path<'t> {
    pub cluster: &'t Rc<Cluster>,
    pub port: u16,
    /// The number of its route.
    pub route: Option<usize>,
}

/// `None` when more is to be done with the request, or it is not to be served.
pub(super) fn path<'t>(
    target: &'t Target,
    plain: &Plain<'_>,
    at: &Exchange,
    version: Version,
) -> Option<Path<'t>> {
    let (destination, route) = match target {
        Target::Service {
            destination,
            protocol,
            front,
            ..
        } => {
            let gate = front.as_ref().map(|front| &front.gate);
            // Where nobody said what the service speaks, its client knows.
            let http2 = *protocol == Protocol::Http2
                || *protocol == Protocol::Detect && version == Version::HTTP_2;
            if http2 || !lets_pass(gate, at) {
                return None;
            }
            (destination, None)
        }
        Target::Edge { edge, ways } => {
            if edge.routes.looks_at_headers() {
                return None;
            }
            let (path, query) = match plain.target.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (plain.target, None),
            };
            let Ok(Cow::Borrowed(path)) = normal(path) else {
                return None;
            };
            let found = edge.routes.find(&Ask {
                host: &host_name(plain.host),
                path,
                query,
                method: if plain.is_head {
                    &Method::HEAD
                } else {
                    &Method::GET
                },
                headers: &HeaderMap::new(),
            })?;
            let (way, plan) = (&ways[found.number], &edge.plans[found.number]);
            if !plan.only_sends_on() || !lets_pass(edge.gates[found.number].as_ref(), at) {
                return None;
            }
            let destination = match &way.destinations[..] {
                [only] => only,
                several => &several[share(&plan.weights, at.draw() as u64)],
            };
            (destination, Some(found.number))
        }
    };
    let Destination { cluster, port } = destination;
    let path = Path {
        cluster,
        port: (*port)?,
        route,
    };
    cluster.only_sends_on().then_some(path)
}

/// Whether what stands before the service does no more than count, and lets pass.
fn lets_pass(gate: Option<&Arc<Gate>>, at: &Exchange) -> bool {
    gate.is_none_or(|gate| gate.only_counts() && at.passes(gate))
}
