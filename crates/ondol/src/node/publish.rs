//! After each change: what readers see, and which sockets are open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ondol_api::{NodeState, ProjectState};
use ondol_control::{ProjectView, View};
use ondol_model::{ListenerId, Project, ProjectName, Purpose, ServiceName, ServiceRef, Transport};
use ondol_store::PortKey;

use super::acme::News;
use super::listeners::Change;
use super::{Node, reach, state};

impl Node {
    pub(super) fn publish(&mut self) {
        let view = self.control.view().clone();
        let reached = Reached::of(self.wishes_version, &view);
        let same = self.reached.as_ref().is_some_and(|now| now.is(&reached));
        if !same || !self.listeners.is_whole() {
            self.publish_listeners(&view);
            self.reached = Some(reached);
        }
        self.publish_state(&view);
        self.follow_alerts();
    }

    /// Looks whether files with certificates or of routes were changed, and whether certificates are to be issued again.
    pub(super) fn look_at_files(&mut self) {
        let now_unix = Duration::from_millis(self.clock.unix_ms(self.clock.now()));
        let projects = self.kept.values().map(|kept| kept.wish.project.as_ref());
        let keys = self.keys.look(projects, now_unix);
        if self.read_route_files() || keys {
            let view = self.control.view().clone();
            self.publish_listeners(&view);
        }
    }

    /// Whether the files that routes name are others now.
    fn read_route_files(&mut self) -> bool {
        let projects = self.kept.values().map(|kept| kept.wish.project.as_ref());
        let (changed, problems) = self.route_files.look(projects);
        for problem in problems {
            self.complain(&problem);
        }
        changed
    }

    /// An authority wants to see something, or has issued a certificate.
    pub(super) fn hear_authority(&mut self, news: News) {
        let now_unix = Duration::from_millis(self.clock.unix_ms(self.clock.now()));
        let heard = self.keys.hear(news, now_unix);
        if let Some(complaint) = heard.complaint {
            self.complain(&complaint);
        }
        let view = self.control.view().clone();
        self.publish_listeners(&view);
        if let Some(shown) = heard.shown {
            self.answered.wait(self.listeners.version(), shown);
        }
    }

    fn publish_listeners(&mut self, view: &View) {
        self.read_route_files();
        let ports: BTreeMap<_, BTreeMap<ServiceName, Vec<u16>>> = view
            .projects
            .iter()
            .map(|(name, project)| {
                let ports = project
                    .services
                    .iter()
                    .map(|(name, service)| (name.clone(), service.ports.clone()));
                (name, ports.collect())
            })
            .collect();
        let virtual_port = |port| self.engine.virtual_port(port);
        let known = self.kept.iter().filter_map(|(name, kept)| {
            Some(reach::Known {
                project: &kept.wish.project,
                ports: ports.get(name)?,
                addresses: self.addresses.get(name)?,
                virtual_port: &virtual_port,
            })
        });
        let known: Vec<_> = known.collect();
        let (mut needs, mut traffic) = (reach::needs(&known), reach::traffic(&known));
        let projects: Vec<_> = known.iter().map(|known| known.project).collect();
        let now_unix = Duration::from_millis(self.clock.unix_ms(self.clock.now()));
        let mut complaints = self.keys.fill(&mut needs, &mut traffic, now_unix);
        let (mut shown, wrong) = self.keys.shown(&projects, now_unix);
        shown.files = self.route_files.texts();
        let rules = |project: &&Project| (project.name.clone(), project.requests.clone());
        shown.signals = projects.iter().map(rules).collect();
        complaints.extend(wrong);
        let usual = |service: &ServiceRef, target, transport| {
            self.store
                .port(&PortKey {
                    service: service.clone(),
                    target,
                    transport,
                })
                .ok()
                .flatten()
        };
        if let Some(change) = self.listeners.change(needs, traffic, shown, usual) {
            self.tell_proxy(change);
        }
        for complaint in complaints {
            self.complain(&complaint);
        }
    }

    fn tell_proxy(&mut self, change: Change) {
        self.refused.clear();
        for refused in change.refused {
            let why = format!(
                "port {} could not be opened: {}",
                refused.address.port(),
                refused.error
            );
            self.complain(&why);
            self.refused
                .insert((refused.address, refused.transport), why);
        }
        for listener in change
            .snapshot
            .listeners
            .iter()
            .filter(|listener| change.sockets.contains_key(&listener.id))
        {
            if let Purpose::Published { service, port, .. } = &listener.purpose {
                self.keep_port(service, *port, listener.transport, listener.address.port());
            }
        }
        self.link.send_snapshot(change.snapshot, change.sockets);
    }

    /// Sockets that the proxy had to open by itself and could not.
    pub(super) fn not_bound(&mut self, failed: Vec<(ListenerId, String)>) {
        for (id, why) in failed {
            let what = self
                .listeners
                .address(id)
                .map_or_else(|| "a listener".to_owned(), |address| address.to_string());
            self.complain(&format!("{what} could not be opened: {why}"));
        }
    }

    /// Remembers a port that was free, so that it is the same the next time.
    fn keep_port(
        &mut self,
        service: &ServiceRef,
        target: u16,
        transport: Transport,
        published: u16,
    ) {
        let kept = self
            .kept
            .get(&service.project)
            .and_then(|kept| kept.wish.project.services.get(&service.service));
        let open = |port: &&ondol_model::PublishedPort| {
            port.target == target && port.transport == transport && port.published.is_none()
        };
        if kept.is_some_and(|service| service.ports.iter().any(|port| open(&port))) {
            let key = PortKey {
                service: service.clone(),
                target,
                transport,
            };
            if let Err(error) = self.store.keep_port(&key, published) {
                self.complain(&format!(
                    "port {published} of {service} could not be remembered: {error}"
                ));
            }
        }
    }

    fn publish_state(&mut self, view: &View) {
        let before = self.state.borrow().clone();
        let same = |name: &ProjectName, made_of: &MadeOf| {
            let unchanged = self.shown.get(name).is_some_and(|shown| shown.is(made_of));
            before.projects.get(name).filter(|_| unchanged).cloned()
        };
        let mut shown = BTreeMap::new();
        let mut projects = BTreeMap::new();
        for (name, view) in &view.projects {
            let made_of = MadeOf {
                view: view.clone(),
                wishes: self.wishes_version,
                snapshot: self.listeners.version(),
                answered: self.answered.version(),
                circuits: self.circuits_version,
            };
            let state = same(name, &made_of).unwrap_or_else(|| self.project_state(name, view));
            projects.insert(name.clone(), state);
            shown.insert(name.clone(), made_of);
        }
        for name in &self.discarding {
            if let Some(leaving) = before.projects.get(name) {
                projects
                    .entry(name.clone())
                    .or_insert_with(|| leaving.clone());
            }
        }
        self.shown = shown;
        let fresh = NodeState { projects };
        if *before != fresh {
            self.observe(&fresh);
            self.state.send_replace(Arc::new(fresh));
        }
    }

    fn project_state(&self, name: &ProjectName, view: &ProjectView) -> Arc<ProjectState> {
        let none = BTreeMap::new();
        state::project(&state::Sources {
            view,
            kept: self.kept.get(name),
            addresses: self.addresses.get(name).unwrap_or(&none),
            listeners: &self.listeners,
            reachable: self.answered.version() == self.listeners.version(),
            refused: &self.refused,
            circuits: &self.circuits,
            clock: &self.clock,
        })
    }
}

/// What the open sockets follow from: the wishes, and the ports that services are known to have. While it is the
/// same and every socket is open, so are they.
#[derive(Debug)]
pub(super) struct Reached {
    wishes: u64,
    views: BTreeMap<ProjectName, Arc<ProjectView>>,
}

impl Reached {
    fn of(wishes: u64, view: &View) -> Self {
        let views = view.projects.clone();
        Reached { wishes, views }
    }

    fn is(&self, other: &Reached) -> bool {
        let mut pairs = self.views.iter().zip(&other.views);
        self.wishes == other.wishes
            && self.views.len() == other.views.len()
            && pairs.all(|((name, one), (other_name, other))| {
                name == other_name && (Arc::ptr_eq(one, other) || same_ports(one, other))
            })
    }
}

fn same_ports(one: &ProjectView, other: &ProjectView) -> bool {
    let mut pairs = one.services.values().zip(other.services.values());
    one.services.len() == other.services.len()
        && pairs.all(|(one, other)| {
            Arc::ptr_eq(one, other) || one.name == other.name && one.ports == other.ports
        })
}

/// What a project's state was made of: while it is the same, so is the state.
#[derive(Clone, Debug)]
pub(super) struct MadeOf {
    view: Arc<ProjectView>,
    wishes: u64,
    snapshot: u64,
    answered: u64,
    circuits: u64,
}

impl MadeOf {
    fn is(&self, other: &MadeOf) -> bool {
        Arc::ptr_eq(&self.view, &other.view)
            && self.wishes == other.wishes
            && self.snapshot == other.snapshot
            && self.answered == other.answered
            && self.circuits == other.circuits
    }
}
