//! The edge: with and without TLS, for all projects that share a port.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ondol_model::{
    ClientCertificates, Https, Opening, OpeningTls, Purpose, Route, ServiceRef, Transport,
};

use super::{ANY, Known, Need, Place, routes, service_ref};

type Routes = Vec<(Route, ServiceRef)>;

/// The sockets of the edges of these projects.
pub(super) fn needs(projects: &[Known<'_>]) -> Vec<Need> {
    let mut plain: BTreeMap<u16, (Routes, Opening)> = BTreeMap::new();
    let mut secure: BTreeMap<u16, Secure> = BTreeMap::new();
    for known in projects {
        let project = known.project;
        let routes: Routes = project
            .services
            .values()
            .flat_map(|service| {
                let name = service_ref(project, service);
                routes(known, service, &name).collect::<Vec<_>>()
            })
            .collect();
        if routes.is_empty() {
            continue;
        }
        let (passed, served): (Routes, Routes) =
            routes.into_iter().partition(|(route, _)| route.passthrough);
        let (before, opening) = plain.entry(project.edge_port).or_default();
        before.extend(served.iter().cloned());
        opening.proxy_protocol |= project.edge.proxy_protocol;
        if let Some(https) = &project.edge.https {
            if https.redirect {
                opening.redirect_to = Some(https.port);
            }
            let secure = secure.entry(https.port).or_default();
            secure.add(https, project.edge.proxy_protocol, served, passed);
        }
    }
    let plain = plain.into_iter().map(|(port, (routes, opening))| Need {
        opening,
        ..need(port, routes)
    });
    let secure = secure.into_iter().map(|(port, secure)| Need {
        opening: secure.opening,
        clients: secure.clients,
        ..need(port, secure.routes)
    });
    plain.chain(secure).collect()
}

fn need(port: u16, routes: Routes) -> Need {
    Need {
        place: Place::Machine {
            address: SocketAddr::new(ANY, port),
            of: None,
        },
        transport: Transport::Tcp,
        purpose: Purpose::Edge { routes },
        opening: Opening::default(),
        clients: None,
    }
}

/// An edge with TLS.
#[derive(Default)]
struct Secure {
    routes: Routes,
    opening: Opening,
    clients: Option<ClientCertificates>,
}

impl Secure {
    /// What one project asks of clients is asked of all: what is stricter wins.
    fn add(&mut self, https: &Https, proxy_protocol: bool, served: Routes, passed: Routes) {
        self.routes.extend(served);
        self.opening.proxy_protocol |= proxy_protocol;
        let tls = self.opening.tls.get_or_insert_with(OpeningTls::default);
        tls.hsts = tls.hsts.max(https.hsts);
        let host =
            |(route, service): (Route, ServiceRef)| Some((route.host?, (service, route.port?)));
        tls.pass.extend(passed.into_iter().filter_map(host));
        if let Some(clients) = &https.clients {
            tls.client_required |= clients.required;
            self.clients.get_or_insert_with(|| clients.clone());
        }
    }
}
