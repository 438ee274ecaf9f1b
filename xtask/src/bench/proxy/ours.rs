//! Ondol's proxy as the node runs it: a process of its own, told what to do over its control socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use ondol_model::{
    Bytes, CacheRule, Certificate, Endpoint, EndpointTable, Listener, ListenerId, Observation,
    Opening, OpeningTls, ProjectName, Purpose, RateLimit, ReplicaId, Route, RunId, Secret,
    ServiceName, ServiceRef, SignalRules, Snapshot, Transport,
};
use ondol_proxy::{Link, LinkEvent, Sockets};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::machine::Running;
use super::servers::{Ports, ROUTES, Trust};

const PATIENCE: Duration = Duration::from_secs(20);
/// What nobody reaches: the limit is counted, and nobody is refused.
const REQUESTS_MAX: u32 = 1_000_000;

pub(super) struct Ondol {
    pub(super) ports: Ports,
    runtime: Runtime,
    link: Link,
    events: UnboundedReceiver<LinkEvent>,
    process: Running,
    binary: PathBuf,
    cores: String,
    dir: PathBuf,
    snapshot: Snapshot,
    tables: u64,
}

impl Ondol {
    /// One worker for each of `cores`; the same routes and services as the others have.
    pub(super) fn start(
        binary: &Path,
        cores: &str,
        dir: &Path,
        upstream: [SocketAddr; 2],
        trust: &Trust,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (link, events) = {
            let _inside = runtime.enter();
            Link::start(dir.join("proxy.sock"))
        };
        let mut ondol = Ondol {
            ports: Ports::default(),
            process: process(binary, cores, dir)?,
            runtime,
            link,
            events,
            binary: binary.to_owned(),
            cores: cores.to_owned(),
            dir: dir.to_owned(),
            snapshot: Snapshot::default(),
            tables: 0,
        };
        ondol.wait(|event| matches!(event, LinkEvent::Connected(_)))?;
        ondol.publish(&named("web")?, &upstream[..1])?;
        ondol.publish(&named("pair")?, &upstream)?;
        ondol.listen(trust)?;
        Ok(ondol)
    }

    pub(super) fn process(&self) -> &Running {
        &self.process
    }

    /// Notes what becomes of requests from now on, as a node wants it: they are counted and traced, and those to the
    /// service with two endpoints are written to a log.
    pub(super) fn watch(&mut self) -> Result<()> {
        let logged = SignalRules {
            log: Some(self.dir.join("access.log")),
            ..SignalRules::default()
        };
        let counted = SignalRules::default();
        let projects = [(named("web")?, counted), (named("pair")?, logged)];
        let rules = projects.map(|(service, rules)| (service.project, rules));
        self.snapshot.signals = rules.into();
        self.apply(Sockets::new())
    }

    fn listen(&mut self, trust: &Trust) -> Result<()> {
        let certificate = Certificate {
            chain_pem: trust.chain_pem.clone(),
            key_pem: Secret(trust.key_pem.clone()),
            challenge: None,
        };
        self.snapshot.certificates.push(certificate);
        let plain = Opening::default();
        let tls = Opening {
            tls: Some(OpeningTls::default()),
            ..Opening::default()
        };
        let mut sockets = Sockets::new();
        let everything = vec![(route("/"), named("web")?)];
        let mut kept = everything.clone();
        kept[0].0.treatment.guard.cache = Some(CacheRule {
            ttl: None,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            query: None,
            body_bytes_max: Bytes(1 << 20),
        });
        self.ports = Ports {
            plain: self.open(&mut sockets, &plain, everything.clone())?,
            features: self.open(&mut sockets, &plain, limited()?)?,
            tls: self.open(&mut sockets, &tls, everything)?,
            kept: self.open(&mut sockets, &plain, kept)?,
        };
        self.apply(sockets)
    }

    fn open(
        &mut self,
        sockets: &mut Sockets,
        opening: &Opening,
        routes: Vec<(Route, ServiceRef)>,
    ) -> Result<u16> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = ondol_proxy::bind(any, Transport::Tcp)?;
        let address = TcpListener::from(socket.try_clone()?).local_addr()?;
        let id = ListenerId(u64::from(address.port()));
        self.snapshot.listeners.push(Listener {
            id,
            address,
            transport: Transport::Tcp,
            purpose: Purpose::Edge { routes },
            opening: opening.clone(),
        });
        sockets.insert(id, Arc::new(socket));
        Ok(address.port())
    }

    /// Wants what is in the snapshot now, and waits until every worker does it.
    fn apply(&mut self, sockets: Sockets) -> Result<()> {
        let version = self.send(sockets);
        self.wait(|event| matches!(event, LinkEvent::Accepted { version: accepted, .. } if *accepted == version))
    }

    fn send(&mut self, sockets: Sockets) -> u64 {
        self.snapshot.version += 1;
        self.link.send_snapshot(self.snapshot.clone(), sockets);
        self.snapshot.version
    }

    fn publish(&mut self, service: &ServiceRef, at: &[SocketAddr]) -> Result<()> {
        let version = self.table(service, at)?;
        let wanted = Observation::Acknowledged {
            service: service.clone(),
            version,
        };
        self.wait(|event| matches!(event, LinkEvent::Saw(seen) if *seen == wanted))
    }

    fn table(&mut self, service: &ServiceRef, at: &[SocketAddr]) -> Result<u64> {
        self.tables += 1;
        let endpoints = at
            .iter()
            .map(|address| endpoint(service, *address))
            .collect();
        self.link.publish(EndpointTable {
            service: service.clone(),
            version: self.tables,
            endpoints,
        });
        Ok(self.tables)
    }

    /// Where the service behind the plain port is from now on; nobody waits until that is known.
    pub(super) fn move_to(&mut self, at: &[SocketAddr]) -> Result<()> {
        self.heard();
        self.table(&named("web")?, at).map(drop)
    }

    /// Whether the plain port has a route to `host` of its own, which answers itself; nobody waits.
    pub(super) fn set_route(&mut self, host: &str, there: bool) -> Result<()> {
        self.heard();
        let mut own = route("/");
        own.host = Some(host.to_owned());
        own.treatment.answer = Some(ondol_model::RouteAnswer::Static(
            ondol_model::StaticAnswer {
                status: 200,
                headers: BTreeMap::new(),
                body: "here\n".to_owned(),
            },
        ));
        let web = named("web")?;
        let Some(Listener {
            purpose: Purpose::Edge { routes },
            ..
        }) = self.snapshot.listeners.first_mut()
        else {
            bail!("the first listener is not an edge");
        };
        routes.truncate(1);
        if there {
            routes.push((own, web));
        }
        self.send(Sockets::new());
        Ok(())
    }

    /// Another process takes the place of this one, as when the program is upgraded. What is left is the first.
    pub(super) fn replace(&mut self) -> Result<Running> {
        self.process.terminate()?;
        // It hangs up first, and then it may be followed.
        self.wait(|event| matches!(event, LinkEvent::Lost))?;
        let next = process(&self.binary, &self.cores, &self.dir)?;
        self.wait(|event| matches!(event, LinkEvent::Connected(_)))?;
        Ok(std::mem::replace(&mut self.process, next))
    }

    fn wait(&mut self, wanted: impl Fn(&LinkEvent) -> bool) -> Result<()> {
        let events = &mut self.events;
        let hears = async {
            while let Some(event) = events.recv().await {
                if let LinkEvent::Refused { reason, .. } = &event {
                    return Err(anyhow!("the proxy refused a snapshot: {reason}"));
                }
                if wanted(&event) {
                    return Ok(());
                }
            }
            Err(anyhow!("the link ended"))
        };
        self.runtime
            .block_on(async { timeout(PATIENCE, hears).await })
            .context("the proxy said nothing")?
    }

    /// Forgets what the proxy said.
    fn heard(&mut self) {
        while self.events.try_recv().is_ok() {}
    }
}

fn process(binary: &Path, cores: &str, dir: &Path) -> Result<Running> {
    Running::start(cores, Command::new(binary).arg("proxy").arg(dir))
}

/// A service in a project of the same name.
fn named(service: &str) -> Result<ServiceRef> {
    Ok(ServiceRef {
        project: ProjectName::new(service).map_err(|error| anyhow!("{error}"))?,
        service: ServiceName::new(service).map_err(|error| anyhow!("{error}"))?,
    })
}

fn route(path: &str) -> Route {
    Route {
        path: path.to_owned(),
        port: Some(80),
        ..Route::default()
    }
}

/// A hundred routes, each with a rate limit, to the service with two endpoints.
fn limited() -> Result<Vec<(Route, ServiceRef)>> {
    let pair = named("pair")?;
    let limited = |number| {
        let mut route = route(&format!("/r{number}"));
        route.treatment.guard.limits = vec![RateLimit {
            requests: REQUESTS_MAX,
            period: Duration::from_secs(1),
            burst: REQUESTS_MAX,
            by: ondol_model::LimitBy::Ip,
        }];
        (route, pair.clone())
    };
    Ok((0..ROUTES).map(limited).collect())
}

fn endpoint(service: &ServiceRef, at: SocketAddr) -> Endpoint {
    let number = u32::from(at.port());
    Endpoint {
        replica: ReplicaId {
            project: service.project.clone(),
            service: service.service.clone(),
            number,
        },
        run: RunId(u64::from(number)),
        ip: IpAddr::from([10, 255, 0, 1]),
        moved_ports: BTreeMap::from([(80, at)]),
        ready: true,
    }
}
