//! What keeps a project from being had: ports and routes that others have, and what the machine lacks. Pure, all of
//! it at once, each with the keys of the file that it comes from.

use std::io;
use std::net::SocketAddr;

use ondol_api::{Cause, CauseKind};
use ondol_model::{Project, Transport};
use ondol_runtime::{Obstacle, ObstacleKind};

use super::listeners::Refused;
use super::reach::published_address;

/// Why `project` cannot be had beside the others; of itself it may be among them.
pub(super) fn find<'a>(project: &Project, others: impl Iterator<Item = &'a Project>) -> Vec<Cause> {
    let others = others.filter(|other| other.name != project.name);
    let with = |other| {
        ports(project, other)
            .into_iter()
            .chain(routes(project, other))
    };
    others.flat_map(with).collect()
}

/// A port that the machine did not give; `holder` is who has it.
pub(super) fn of_port(project: &Project, refused: &Refused, holder: Option<String>) -> Cause {
    let port = refused.address.port();
    let (message, hint) = match refused.error.kind() {
        io::ErrorKind::AddrInUse => in_use(port, holder),
        io::ErrorKind::PermissionDenied => (
            format!("port {port} may not be opened by this user"),
            Some(
                "publish a port from 1024 on, or allow it: sysctl net.ipv4.ip_unprivileged_port_start"
                    .to_owned(),
            ),
        ),
        _ => (
            format!("{} cannot be opened: {}", refused.address, refused.error),
            None,
        ),
    };
    let is_it = |wanted: &Wanted| {
        wanted.address == refused.address && wanted.transport == refused.transport
    };
    let at = wanted(project).find(is_it).map(|wanted| wanted.at);
    Cause {
        kind: CauseKind::PortUnavailable,
        at: at.unwrap_or_default(),
        message,
        hint,
    }
}

/// What the machine lacks, in the shape of the API.
pub(super) fn of_obstacle(obstacle: Obstacle) -> Cause {
    Cause {
        kind: match obstacle.kind {
            ObstacleKind::Program => CauseKind::MissingProgram,
            ObstacleKind::Mount => CauseKind::BadMount,
            ObstacleKind::Build => CauseKind::BadBuild,
            ObstacleKind::Nothing => CauseKind::NothingToRun,
        },
        at: obstacle.at,
        message: obstacle.what,
        hint: Some(obstacle.help).filter(|help| !help.is_empty()),
    }
}

fn in_use(port: u16, holder: Option<String>) -> (String, Option<String>) {
    let (by, stop) = match holder {
        Some(holder) => (format!(" by {holder}"), "stop it".to_owned()),
        None => (
            String::new(),
            format!("stop what listens there (as root, `ss -ltnp 'sport = :{port}'` names it)"),
        ),
    };
    (
        format!("port {port} is in use on this machine{by}"),
        Some(format!("{stop}, or publish another port")),
    )
}

fn ports(project: &Project, other: &Project) -> Vec<Cause> {
    let theirs: Vec<_> = wanted(other).collect();
    let both = wanted(project).filter(|ours| theirs.iter().any(|their| ours.clashes(their)));
    let cause = |ours: Wanted| Cause {
        kind: CauseKind::PortUnavailable,
        message: format!(
            "port {} belongs to project `{}` already",
            ours.address.port(),
            other.name
        ),
        at: ours.at,
        hint: Some(format!(
            "publish another port, or stop the other: ondol -p {} down",
            other.name
        )),
    };
    both.map(cause).collect()
}

fn routes(project: &Project, other: &Project) -> Vec<Cause> {
    if project.edge_port != other.edge_port {
        return Vec::new();
    }
    let of = |project: &Project| -> Vec<_> {
        let services = project.services.values();
        let routes = services.flat_map(|service| {
            let named = |route: &ondol_model::Route| (service.name.clone(), route.clone());
            service.routes.iter().map(named).collect::<Vec<_>>()
        });
        routes.collect()
    };
    let theirs = of(other);
    let ours = of(project).into_iter();
    let taken = ours.filter(|(_, route)| {
        theirs
            .iter()
            .any(|(_, their)| their.host == route.host && their.path == route.path)
    });
    let cause = |(service, route): (ondol_model::ServiceName, ondol_model::Route)| Cause {
        kind: CauseKind::RouteTaken,
        at: route_of(service.as_str()),
        message: format!(
            "the route {} of {} on port {} belongs to project `{}` already",
            route.path,
            route.host.as_deref().unwrap_or("any host"),
            project.edge_port,
            other.name
        ),
        hint: Some(
            "give one of them a `host`, another `path`, or another port by `x-ondol.edge.port`"
                .to_owned(),
        ),
    };
    taken.map(cause).collect()
}

fn route_of(service: &str) -> Vec<String> {
    ["services", service, "x-ondol", "route"]
        .map(str::to_owned)
        .into()
}

/// A port of the machine that a project wants.
struct Wanted {
    address: SocketAddr,
    transport: Transport,
    /// The edge is everybody's who speaks the same there.
    edge: Option<Speaks>,
    /// The keys that it comes from.
    at: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Plain,
    Tls,
}

impl Wanted {
    fn clashes(&self, other: &Wanted) -> bool {
        let (ours, theirs) = (self.address.ip(), other.address.ip());
        let meet = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
        let shared = self.edge.is_some() && self.edge == other.edge;
        meet && !shared
            && self.address.port() == other.address.port()
            && self.transport == other.transport
    }
}

fn wanted(project: &Project) -> impl Iterator<Item = Wanted> {
    let mut services = project.services.values();
    let routed = services.find(|service| !service.routes.is_empty());
    let edge = routed.map(|service| Wanted {
        address: super::reach::edge_address(project),
        transport: Transport::Tcp,
        edge: Some(Speaks::Plain),
        // A file that says no port wants the edge because of a route.
        at: match project.edge_port {
            ondol_model::EDGE_PORT => route_of(service.name.as_str()),
            _ => ["x-ondol", "edge", "port"].map(str::to_owned).into(),
        },
    });
    let is_routed = routed.is_some();
    let https = project.edge.https.iter().filter(move |_| is_routed);
    let https = https.map(|https| Wanted {
        address: super::reach::https_address(https),
        transport: Transport::Tcp,
        edge: Some(Speaks::Tls),
        at: ["x-ondol", "edge", "https"].map(str::to_owned).into(),
    });
    let published = project.services.values().flat_map(|service| {
        service.ports.iter().map(|port| {
            let number = port.published.unwrap_or_default().to_string();
            Wanted {
                address: published_address(port),
                transport: port.transport,
                edge: None,
                at: ["services", service.name.as_str(), "ports", &number]
                    .map(str::to_owned)
                    .into(),
            }
        })
    });
    // Port 0 is any that is free.
    edge.into_iter()
        .chain(https)
        .chain(published)
        .filter(|wanted| wanted.address.port() != 0)
}
