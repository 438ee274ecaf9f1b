//! The first stage: where a request goes.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

use http::header::HOST;
use http::{Method, Request, Version};
use ondol_model::{Origin, ServiceName};

use crate::Refusal;
use crate::gate::Gate;
use crate::policy::path::{host_name, normal};
use crate::policy::plan::{Plan, share};
use crate::policy::protocol::Protocol;
use crate::policy::route::{Ask, Match};
use crate::signals::Trail;
use crate::upstream::Cluster;
use crate::worker::{Destination, RouteWay, Target};

/// Where one request goes.
#[derive(Clone)]
pub(super) struct Way {
    target: Rc<Target>,
    found: Option<Match>,
    pub cluster: Rc<Cluster>,
    pub port: Option<u16>,
    /// The path in its one form, where the client wrote another one.
    pub path: Option<String>,
    /// The host that was asked for, where a redirect may need it.
    pub host: String,
    /// The request comes from outside: what it says about itself is not believed.
    pub border: bool,
    /// The service speaks HTTP/2.
    pub http2: bool,
    pub client: IpAddr,
    /// What is noted of the request; `None` when nobody waits for its answer, or nobody wants to know.
    pub trail: Option<Rc<Trail>>,
}

impl Way {
    /// The error is for people. `random` chooses between services that share a route.
    pub(super) fn find<B>(
        target: Rc<Target>,
        request: &Request<B>,
        client: IpAddr,
        random: impl FnOnce() -> u64,
    ) -> Result<Way, (Refusal, String)> {
        if request.method() == Method::CONNECT {
            let why = "CONNECT is for proxies that lead anywhere".to_owned();
            return Err((Refusal::BadRequest, why));
        }
        let bad = |why: &'static str| (Refusal::BadRequest, why.to_owned());
        let (edge, ways) = match &*target {
            Target::Service {
                destination,
                callers,
                protocol,
                ..
            } => {
                return Ok(Way {
                    // Where nobody said what the service speaks, its client knows.
                    http2: *protocol == Protocol::Http2
                        || *protocol == Protocol::Detect && request.version() == Version::HTTP_2,
                    ..Way::to(destination, callers.is_none(), client, target.clone())
                });
            }
            Target::Edge { edge, ways } => (edge, ways),
        };
        let uri = request.uri();
        let host = host_name(host(request).map_err(bad)?);
        let path = normal(uri.path()).map_err(bad)?;
        let ask = Ask {
            host: &host,
            path: &path,
            query: uri.query(),
            method: request.method(),
            headers: request.headers(),
        };
        let Some(found) = edge.routes.find(&ask) else {
            return Err((Refusal::NoRoute, format!("no route for {host}{path}")));
        };
        let (way, plan) = (&ways[found.number], &edge.plans[found.number]);
        let number = match way.destinations.len() {
            1 => 0,
            _ => share(&plan.weights, random()),
        };
        Ok(Way {
            found: Some(found),
            path: match path {
                Cow::Borrowed(_) => None,
                Cow::Owned(path) => Some(path),
            },
            host: match plan.answer {
                Some(_) => host.into_owned(),
                None => String::new(),
            },
            ..Way::to(&way.destinations[number], true, client, target.clone())
        })
    }

    fn to(destination: &Destination, border: bool, client: IpAddr, target: Rc<Target>) -> Self {
        Way {
            target,
            found: None,
            cluster: destination.cluster.clone(),
            port: destination.port,
            path: None,
            host: String::new(),
            border,
            http2: false,
            client,
            trail: None,
        }
    }

    /// Where the request came from; `caller` is the service that its client belongs to.
    pub(super) fn origin(&self, caller: Option<&ServiceName>) -> Origin {
        let route = self.found.map(|found| found.number);
        origin(&self.target, route, self.port.unwrap_or(0), caller)
    }

    /// What the route does; `None` without one.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match (&*self.target, self.found) {
            (Target::Edge { edge, .. }, Some(found)) => Some(&edge.plans[found.number]),
            (Target::Service { front, .. }, _) => front.as_ref().map(|front| &front.plan),
            _ => None,
        }
    }

    /// What stands before the route.
    pub(super) fn gate(&self) -> Option<&Gate> {
        match (&*self.target, self.found) {
            (Target::Edge { edge, .. }, Some(found)) => edge.gates[found.number].as_deref(),
            (Target::Service { front, .. }, _) => front.as_ref().map(|front| &*front.gate),
            _ => None,
        }
    }

    /// Where copies of the request go.
    pub(super) fn mirror(&self) -> Option<&Destination> {
        match (&*self.target, self.found) {
            (Target::Edge { ways, .. }, Some(found)) => {
                let RouteWay { mirror, .. } = &ways[found.number];
                mirror.as_ref()
            }
            _ => None,
        }
    }

    /// Bytes of the path that the route's prefix matched.
    pub(super) fn prefix(&self) -> usize {
        self.found.map_or(0, |found| found.prefix)
    }
}

/// Where a request came from; `route` is the number of the one that it takes.
pub(super) fn origin(
    target: &Target,
    route: Option<usize>,
    port: u16,
    caller: Option<&ServiceName>,
) -> Origin {
    match (target, route) {
        (Target::Edge { edge, .. }, Some(route)) => Origin::Route(edge.names[route].clone()),
        (Target::Edge { .. }, None) => Origin::Edge,
        (Target::Service { callers: None, .. }, _) => Origin::Port(port),
        (Target::Service { .. }, _) => caller.cloned().map_or(Origin::Machine, Origin::Service),
    }
}

/// The host that is asked for: empty when an HTTP/1.0 client does not say.
fn host<B>(request: &Request<B>) -> Result<&str, &'static str> {
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| "the Host header is not a host"),
        (None, _) if request.version() == Version::HTTP_10 => Ok(""),
        (None, _) => Err("the Host header is missing"),
        (Some(_), Some(_)) => Err("there is more than one Host header"),
    }
}
