use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_model::{Listener, ListenerId, Purpose, Route, ServiceName, ServiceRef, Time};
use tokio::sync::Notify;

use crate::compiled::{Edge, Front};
use crate::entrance::Entrance;
use crate::policy::protocol::Protocol;
use crate::upstream::Cluster;
use crate::{ListenerStatus, Refusal};

/// One listener, as one worker knows it. Connections hold it, and look up its target anew for each request.
pub(crate) struct Serving {
    id: ListenerId,
    target: RefCell<Rc<Target>>,
    entrance: RefCell<Arc<Entrance>>,
    /// Whether requests may be answered, or answers marked, because of it.
    pub at_the_door: Cell<bool>,
    /// Since when it is not listed any more: what is in flight finishes.
    closed: Cell<Option<Time>>,
    /// Told when that happens.
    closing: Notify,
    /// Open connections of all workers; counted by the worker that accepts.
    pub open: Arc<AtomicU32>,
    pub accepted: Cell<u64>,
    refused: RefCell<BTreeMap<Refusal, u64>>,
}

/// Where the requests of a listener go.
pub(crate) enum Target {
    Edge {
        edge: Arc<Edge>,
        /// By the route's number.
        ways: Vec<RouteWay>,
    },
    Service {
        destination: Destination,
        protocol: Protocol,
        /// Who may call, for a virtual address; `None` for a published port.
        callers: Option<Callers>,
        /// What stands before it.
        front: Option<Arc<Front>>,
    },
}

/// Where the requests of one route go.
pub(crate) struct RouteWay {
    /// One for each weight of its split, or the one service that it has.
    pub destinations: Vec<Destination>,
    pub mirror: Option<Destination>,
}

pub(crate) struct Destination {
    pub cluster: Rc<Cluster>,
    /// `None` when the node does not know it yet.
    pub port: Option<u16>,
}

/// The services that may call a virtual address.
pub(crate) struct Callers {
    services: BTreeSet<ServiceRef>,
    /// The virtual address: only processes on the machine's own network can have it as theirs too, services with
    /// `network_mode: host` among them. They reach every replica without the proxy as well.
    own: IpAddr,
    /// The address is one of loopback: replicas have no namespace of their own there, so that their calls come
    /// from 127.0.0.1 like everybody's and cannot be told apart.
    anonymous: bool,
}

impl Callers {
    /// Whether a connection from `ip` is allowed; `owner` is the service that `ip` belongs to.
    pub(crate) fn allow(&self, ip: IpAddr, owner: Option<&ServiceRef>) -> bool {
        match owner {
            Some(service) if self.services.contains(service) => true,
            // An address that everybody shares says nothing, even when one service is said to have it.
            Some(_) => self.anonymous && is_shared(ip),
            None => ip == self.own || self.anonymous && ip.is_loopback(),
        }
    }

    /// The service that a connection from `ip` is known to come from.
    pub(crate) fn named(&self, ip: IpAddr, owner: Option<ServiceRef>) -> Option<ServiceName> {
        let shared = self.anonymous && is_shared(ip);
        owner.filter(|_| !shared).map(|owner| owner.service)
    }
}

/// The one address of loopback that a program uses when it does not choose.
fn is_shared(ip: IpAddr) -> bool {
    ip == IpAddr::V4(Ipv4Addr::LOCALHOST) || ip == IpAddr::V6(Ipv6Addr::LOCALHOST)
}

impl Target {
    /// `cluster` finds or makes the cluster of a service.
    pub(crate) fn new(
        listener: &Listener,
        edge: Option<&Arc<Edge>>,
        front: Option<&Arc<Front>>,
        cluster: impl Fn(&ServiceRef) -> Rc<Cluster>,
    ) -> Self {
        let single = |service: &ServiceRef, port: u16, app_protocol: &Option<String>, callers| {
            Target::Service {
                destination: Destination {
                    cluster: cluster(service),
                    port: Some(port),
                },
                protocol: Protocol::of(app_protocol.as_deref(), port),
                callers,
                front: front.cloned(),
            }
        };
        match &listener.purpose {
            Purpose::Edge { routes } => Target::Edge {
                // It was compiled together with the listener.
                edge: edge.cloned().unwrap_or_default(),
                ways: routes
                    .iter()
                    .map(|(route, service)| RouteWay::new(route, service, &cluster))
                    .collect(),
            },
            Purpose::Published {
                service,
                port,
                app_protocol,
            } => single(service, *port, app_protocol, None),
            Purpose::Virtual {
                service,
                port,
                app_protocol,
                callers,
            } => {
                let project = &service.project;
                let services = callers
                    .iter()
                    .map(|name| ServiceRef {
                        project: project.clone(),
                        service: name.clone(),
                    })
                    .collect();
                let own = listener.address.ip();
                single(
                    service,
                    *port,
                    app_protocol,
                    Some(Callers {
                        services,
                        own,
                        anonymous: own.is_loopback(),
                    }),
                )
            }
        }
    }
}

impl RouteWay {
    fn new(
        route: &Route,
        service: &ServiceRef,
        cluster: &impl Fn(&ServiceRef) -> Rc<Cluster>,
    ) -> Self {
        let other = |name: &ServiceName, port| Destination {
            cluster: cluster(&ServiceRef {
                project: service.project.clone(),
                service: name.clone(),
            }),
            port,
        };
        let treatment = &route.treatment;
        let shares = treatment.split.iter();
        let mut destinations: Vec<_> = shares
            .map(|share| other(&share.service, share.port))
            .collect();
        if destinations.is_empty() {
            destinations.push(Destination {
                cluster: cluster(service),
                port: route.port,
            });
        }
        let mirror = treatment.mirror.as_ref();
        RouteWay {
            destinations,
            mirror: mirror.map(|mirror| other(&mirror.service, mirror.port)),
        }
    }
}

impl Serving {
    pub(crate) fn new(id: ListenerId, target: Target, entrance: Arc<Entrance>) -> Self {
        Serving {
            id,
            at_the_door: Cell::new(entrance.answers()),
            entrance: RefCell::new(entrance),
            target: RefCell::new(Rc::new(target)),
            closed: Cell::new(None),
            closing: Notify::new(),
            open: Arc::default(),
            accepted: Cell::new(0),
            refused: RefCell::default(),
        }
    }

    pub(crate) fn retarget(&self, target: Target, entrance: Arc<Entrance>) {
        self.target.replace(Rc::new(target));
        self.at_the_door.set(entrance.answers());
        self.entrance.replace(entrance);
    }

    pub(crate) fn entrance(&self) -> Arc<Entrance> {
        self.entrance.borrow().clone()
    }

    pub(crate) fn target(&self) -> Rc<Target> {
        self.target.borrow().clone()
    }

    pub(crate) fn close(&self, now: Time) {
        self.closed.set(Some(now));
        self.closing.notify_waiters();
    }

    /// Waits until it is not listed any more.
    pub(crate) async fn closing(&self) {
        let closing = self.closing.notified();
        if !self.is_closing() {
            closing.await;
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closed.get().is_some()
    }

    /// Whether it was closed long enough ago that no worker can still give away one of its connections.
    pub(crate) fn is_closed_since(&self, then: Time) -> bool {
        self.closed.get().is_some_and(|closed| closed < then)
    }

    pub(crate) fn count_refusal(&self, refusal: Refusal) {
        *self.refused.borrow_mut().entry(refusal).or_default() += 1;
    }

    pub(crate) fn status(&self) -> ListenerStatus {
        ListenerStatus {
            id: self.id,
            accepted: self.accepted.get(),
            open: u64::from(self.open.load(Ordering::Relaxed)),
            refused: self.refused.borrow().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::{ProjectName, ServiceName};

    use super::*;

    fn service(name: &str) -> ServiceRef {
        let project = ProjectName::new("shop").unwrap();
        let service = ServiceName::new(name).unwrap();
        ServiceRef { project, service }
    }

    #[test]
    fn a_caller_is_known_by_its_address_and_on_loopback_only_as_far_as_it_has_one() {
        let allows = |anonymous, ip: &str, owner: Option<&str>| {
            let services = BTreeSet::from([service("web")]);
            let callers = Callers {
                services,
                own: if anonymous { "127.78.0.1" } else { "10.78.0.1" }
                    .parse()
                    .unwrap(),
                anonymous,
            };
            callers.allow(ip.parse().unwrap(), owner.map(service).as_ref())
        };
        assert!(allows(false, "10.77.0.2", Some("web")));
        assert!(!allows(false, "10.77.0.3", Some("db")));
        assert!(!allows(false, "10.77.0.1", None));
        assert!(!allows(false, "127.0.0.1", None));
        assert!(
            allows(false, "10.78.0.1", None),
            "it calls from the machine"
        );
        assert!(!allows(false, "10.78.0.2", None));

        assert!(allows(true, "127.0.0.1", None));
        assert!(
            allows(true, "127.0.0.1", Some("db")),
            "everybody has this address"
        );
        assert!(!allows(true, "127.77.0.3", Some("db")));
        assert!(!allows(true, "10.0.0.1", None));
    }
}
