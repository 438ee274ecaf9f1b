//! What two projects must not both want: the same port of the machine, the same requests at the edge. Pure.

use std::net::SocketAddr;

use ondol_api::{ApiError, ErrorCode};
use ondol_model::{Project, Transport};

use super::reach::published_address;

/// Why `project` cannot be had beside the others; of itself it may be among them.
pub(super) fn find<'a>(
    project: &Project,
    others: impl Iterator<Item = &'a Project>,
) -> Option<ApiError> {
    let mut others = others.filter(|other| other.name != project.name);
    others.find_map(|other| ports(project, other).or_else(|| routes(project, other)))
}

fn ports(project: &Project, other: &Project) -> Option<ApiError> {
    let theirs: Vec<_> = wanted(other).collect();
    let both = wanted(project).find(|ours| theirs.iter().any(|their| ours.clashes(their)))?;
    let message = format!(
        "port {} belongs to project `{}` already",
        both.address.port(),
        other.name
    );
    let hint = format!(
        "publish another port, or stop the other: ondol -p {} down",
        other.name
    );
    Some(ApiError::new(ErrorCode::Conflict, message).hint(hint))
}

fn routes(project: &Project, other: &Project) -> Option<ApiError> {
    if project.edge_port != other.edge_port {
        return None;
    }
    let of = |project: &'_ Project| {
        project
            .services
            .values()
            .flat_map(|s| s.routes.clone())
            .collect::<Vec<_>>()
    };
    let theirs = of(other);
    let taken = |route: &ondol_model::Route| {
        theirs
            .iter()
            .any(|their| their.host == route.host && their.path == route.path)
    };
    let route = of(project).into_iter().find(taken)?;
    let message = format!(
        "the route {} of {} on port {} belongs to project `{}` already",
        route.path,
        route.host.as_deref().unwrap_or("any host"),
        project.edge_port,
        other.name
    );
    let hint = "give one of them a `host`, another `path`, or another port by `x-ondol.edge.port`";
    Some(ApiError::new(ErrorCode::Conflict, message).hint(hint))
}

/// A port of the machine that a project wants.
struct Wanted {
    address: SocketAddr,
    transport: Transport,
    /// The edge is everybody's.
    edge: bool,
}

impl Wanted {
    fn clashes(&self, other: &Wanted) -> bool {
        let (ours, theirs) = (self.address.ip(), other.address.ip());
        let meet = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
        meet && !(self.edge && other.edge)
            && self.address.port() == other.address.port()
            && self.transport == other.transport
    }
}

fn wanted(project: &Project) -> impl Iterator<Item = Wanted> {
    let has_edge = project
        .services
        .values()
        .any(|service| !service.routes.is_empty());
    let edge = has_edge.then(|| Wanted {
        address: super::reach::edge_address(project),
        transport: Transport::Tcp,
        edge: true,
    });
    let published = project.services.values().flat_map(|service| {
        service.ports.iter().map(|port| Wanted {
            address: published_address(port),
            transport: port.transport,
            edge: false,
        })
    });
    // Port 0 is any that is free.
    edge.into_iter()
        .chain(published)
        .filter(|wanted| wanted.address.port() != 0)
}
