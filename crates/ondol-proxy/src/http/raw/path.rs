//! Where a request goes that is only passed on.

use std::borrow::Cow;
use std::rc::Rc;

use http::{HeaderMap, Method, Version};

use super::super::exchange::Exchange;
use super::request::Plain;
use crate::gate::{Gate, Kept};
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
    /// What stands before it, and does no more than count and keep answers.
    gate: Option<&'t Gate>,
}

impl<'t> Path<'t> {
    /// Where answers to it are kept.
    pub(super) fn kept(&self) -> Option<&'t Kept> {
        self.gate?.kept.as_ref()
    }

    /// Counts the request; `false` when it is one too many, or its client may not ask.
    pub(super) fn lets_pass(&self, at: &Exchange) -> bool {
        self.gate.is_none_or(|gate| at.passes(gate))
    }
}

/// `None` when more is to be done with the request, or it is not to be served.
pub(super) fn path<'t>(
    target: &'t Target,
    plain: &Plain<'_>,
    at: &Exchange,
    version: Version,
) -> Option<Path<'t>> {
    let (destination, route, gate) = match target {
        Target::Service {
            destination,
            protocol,
            front,
            ..
        } => {
            let gate = front.as_ref().map(|front| &*front.gate);
            // Where nobody said what the service speaks, its client knows.
            let http2 = *protocol == Protocol::Http2
                || *protocol == Protocol::Detect && version == Version::HTTP_2;
            if http2 {
                return None;
            }
            (destination, None, gate)
        }
        Target::Edge { edge, ways } => {
            if edge.routes.looks_at_headers() {
                return None;
            }
            let (path, query) = plain.path_and_query();
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
            if !plan.only_sends_on() {
                return None;
            }
            let destination = match &way.destinations[..] {
                [only] => only,
                several => &several[share(&plan.weights, at.draw() as u64)],
            };
            let gate = edge.gates[found.number].as_deref();
            (destination, Some(found.number), gate)
        }
    };
    if !gate.is_none_or(Gate::only_counts) {
        return None;
    }
    let Destination { cluster, port } = destination;
    Some(Path {
        cluster,
        port: (*port)?,
        route,
        gate,
    })
}
