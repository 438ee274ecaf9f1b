//! Which sockets have to be open for the services to be reached: a pure function of what is wanted and known.

mod edges;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ondol_model::{
    ClientCertificates, Fallback, Guard, Https, Opening, Project, PublishedPort, Purpose, Route,
    Service, ServiceName, ServiceRef, TrafficPolicy, Transport,
};

/// A socket that has to be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) place: Place,
    pub(crate) transport: Transport,
    pub(crate) purpose: Purpose,
    /// How its connections begin.
    pub(crate) opening: Opening,
    /// Whose certificates are asked for; put into the opening where files are read.
    pub(crate) clients: Option<ClientCertificates>,
}

/// Where a socket has to be open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// On the machine, for everybody who can reach it; port 0 takes a free one and keeps it.
    Machine {
        address: SocketAddr,
        of: Option<(ServiceRef, u16)>,
    },
    /// On a virtual address, for the replicas alone.
    Virtual(SocketAddr),
}

/// What is known of a project beside its files.
pub(crate) struct Known<'a> {
    pub(crate) project: &'a Project,
    /// Ports of each service: declared by its file or image, or seen in use.
    pub(crate) ports: &'a BTreeMap<ServiceName, Vec<u16>>,
    /// Virtual address of each service.
    pub(crate) addresses: &'a BTreeMap<ServiceName, IpAddr>,
    /// At which port of that address a port is called.
    pub(crate) virtual_port: &'a dyn Fn(u16) -> u16,
}

/// Where the machine's end of a published port is wanted; port 0 is any.
pub(crate) fn published_address(port: &PublishedPort) -> SocketAddr {
    SocketAddr::new(port.host_ip.unwrap_or(ANY), port.published.unwrap_or(0))
}

/// Where the edge of a project is.
pub(crate) fn edge_address(project: &Project) -> SocketAddr {
    SocketAddr::new(ANY, project.edge_port)
}

/// Where it is with TLS.
pub(crate) fn https_address(https: &Https) -> SocketAddr {
    SocketAddr::new(ANY, https.port)
}

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// All sockets that these projects need.
pub(crate) fn needs(projects: &[Known<'_>]) -> Vec<Need> {
    let mut needs = Vec::new();
    for known in projects {
        for service in known.project.services.values() {
            let name = service_ref(known.project, service);
            needs.extend(published(service, &name));
            needs.extend(virtuals(known, service, &name));
        }
    }
    needs.extend(edges::needs(projects));
    needs
}

/// How requests reach the services, as far as their files say so.
pub(crate) fn traffic(projects: &[Known<'_>]) -> Vec<TrafficPolicy> {
    let mut policies = Vec::new();
    for known in projects {
        let services = known.project.services.values();
        for service in services.filter(|service| !service.traffic.is_default()) {
            let mut traffic = service.traffic.clone();
            for fallback in &mut traffic.resilience.fallback {
                if let Fallback::Service { service, port } = fallback {
                    *port = port.or_else(|| first_port(known, service));
                }
            }
            for page in traffic.guards_mut().flat_map(Guard::pages_mut) {
                page.port = page.port.or_else(|| first_port(known, &page.service));
            }
            let service = service_ref(known.project, service);
            policies.push(TrafficPolicy { service, traffic });
        }
    }
    policies
}

/// Names that a project's services call each other by, each with the service it means.
pub(crate) fn names(project: &Project) -> BTreeMap<String, ServiceName> {
    let mut names = BTreeMap::new();
    for service in project.services.values() {
        let aliases = service.networks.values().flatten();
        let others = aliases
            .chain(&service.container_name)
            .chain(&service.hostname);
        for other in others {
            names
                .entry(other.clone())
                .or_insert_with(|| service.name.clone());
        }
    }
    for name in project.services.keys() {
        names.insert(name.to_string(), name.clone());
    }
    names
}

fn service_ref(project: &Project, service: &Service) -> ServiceRef {
    ServiceRef {
        project: project.name.clone(),
        service: service.name.clone(),
    }
}

/// The routes of a service, with a port wherever one is known; one that names none goes to the service's first.
fn routes<'a>(
    known: &'a Known<'_>,
    service: &'a Service,
    name: &'a ServiceRef,
) -> impl Iterator<Item = (Route, ServiceRef)> + 'a {
    service.routes.iter().map(move |route| {
        let mut route = route.clone();
        route.port = route.port.or_else(|| first_port(known, &service.name));
        for share in &mut route.treatment.split {
            share.port = share.port.or_else(|| first_port(known, &share.service));
        }
        if let Some(mirror) = &mut route.treatment.mirror {
            mirror.port = mirror.port.or_else(|| first_port(known, &mirror.service));
        }
        for page in route.treatment.guard.pages_mut() {
            page.port = page.port.or_else(|| first_port(known, &page.service));
        }
        (route, name.clone())
    })
}

fn first_port(known: &Known<'_>, service: &ServiceName) -> Option<u16> {
    let declared = known.project.services.get(service)?.expose.first();
    let seen = || known.ports.get(service)?.first();
    declared.or_else(seen).copied()
}

fn published(service: &Service, name: &ServiceRef) -> impl Iterator<Item = Need> {
    service.ports.iter().map(move |port| Need {
        place: Place::Machine {
            address: published_address(port),
            of: Some((name.clone(), port.target)),
        },
        transport: port.transport,
        purpose: Purpose::Published {
            service: name.clone(),
            port: port.target,
            app_protocol: port.app_protocol.clone(),
        },
        opening: Opening::default(),
        clients: None,
    })
}

fn virtuals<'a>(
    known: &'a Known<'_>,
    service: &'a Service,
    name: &'a ServiceRef,
) -> impl Iterator<Item = Need> + 'a {
    let ports = known
        .ports
        .get(&service.name)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let address = known
        .addresses
        .get(&service.name)
        .filter(|_| !service.host_network);
    let callers = callers(known.project, service);
    ports
        .iter()
        .zip(std::iter::repeat(address))
        .filter_map(move |(port, address)| {
            let hint = service
                .ports
                .iter()
                .find(|published| published.target == *port);
            Some(Need {
                place: Place::Virtual(SocketAddr::new(*address?, (known.virtual_port)(*port))),
                transport: Transport::Tcp,
                purpose: Purpose::Virtual {
                    service: name.clone(),
                    port: *port,
                    app_protocol: hint.and_then(|published| published.app_protocol.clone()),
                    callers: callers.clone(),
                },
                opening: Opening::default(),
                clients: None,
            })
        })
}

/// Services that share a network with this one, itself included.
fn callers(project: &Project, service: &Service) -> BTreeSet<ServiceName> {
    let shares = |other: &Service| {
        (service.networks.is_empty() && other.networks.is_empty())
            || service
                .networks
                .keys()
                .any(|network| other.networks.contains_key(network))
    };
    project
        .services
        .values()
        .filter(|other| shares(other))
        .map(|other| other.name.clone())
        .collect()
}
