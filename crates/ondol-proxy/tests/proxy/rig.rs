use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ondol_model::{
    Certificate, Endpoint, EndpointTable, Guard, Listener, ListenerId, Observation, Opening,
    ProjectName, Purpose, ReplicaId, Route, RunId, ServiceName, ServiceRef, SignalRules, Signals,
    Snapshot, TrafficPolicy, Transport,
};
use ondol_proxy::{Hello, Link, LinkEvent, Options, Sockets, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::service::Service;

const PATIENCE: Duration = Duration::from_secs(20);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the test binary, started once more as a proxy, finds its folder.
const FOLDER: &str = "ONDOL_TEST_PROXY_FOLDER";

#[test]
#[ignore = "no test: what `Rig::start_proxy` starts"]
fn the_proxy_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by a rig"));
    let options = Options {
        control_socket: folder.join("proxy.sock"),
        state_folder: folder.join("state"),
        workers: 2,
    };
    let code = ondol_proxy::run(&options, &mut std::io::stderr());
    assert_eq!(code, ExitCode::SUCCESS);
}

/// A proxy process and the node's side of it.
pub(crate) struct Rig {
    folder: PathBuf,
    proxy: Option<Child>,
    pub(crate) link: Link,
    events: UnboundedReceiver<LinkEvent>,
    listeners: Vec<Listener>,
    /// Of the next snapshot.
    pub(crate) traffic: Vec<TrafficPolicy>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) challenges: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<PathBuf, String>,
    pub(crate) signals: BTreeMap<ProjectName, SignalRules>,
    version: u64,
    tables: BTreeMap<ServiceRef, u64>,
}

pub(crate) fn service(name: &str) -> ServiceRef {
    ServiceRef {
        project: ProjectName::new("shop").unwrap(),
        service: ServiceName::new(name).unwrap(),
    }
}

pub(crate) fn replica(name: &str, number: u32) -> ReplicaId {
    let ServiceRef { project, service } = service(name);
    ReplicaId {
        project,
        service,
        number,
    }
}

/// A ready endpoint of the service's port 80 at `address`. Its calls come from no address of this machine.
pub(crate) fn endpoint(name: &str, number: u32, address: SocketAddr) -> Endpoint {
    Endpoint {
        replica: replica(name, number),
        run: RunId(u64::from(number)),
        ip: IpAddr::from([10, 255, 0, number as u8]),
        moved_ports: BTreeMap::from([(80, address)]),
        ready: true,
    }
}

pub(crate) fn published(name: &str) -> Purpose {
    Purpose::Published {
        service: service(name),
        port: 80,
        app_protocol: None,
    }
}

pub(crate) fn callable(name: &str, callers: &[&str]) -> Purpose {
    let callers: BTreeSet<_> = callers
        .iter()
        .map(|name| ServiceName::new(name).unwrap())
        .collect();
    Purpose::Virtual {
        service: service(name),
        port: 80,
        app_protocol: None,
        callers,
    }
}

/// An edge from texts such as `shop.example/api`; with a `!` at the end, the path is stripped.
pub(crate) fn edge(routes: &[(&str, &str)]) -> Purpose {
    let route = |text: &str| {
        let (host, path) = text.split_at(text.find('/').unwrap());
        Route {
            host: (!host.is_empty()).then(|| host.to_owned()),
            path: path.trim_end_matches('!').to_owned(),
            strip: path.ends_with('!'),
            port: Some(80),
            ..Route::default()
        }
    };
    Purpose::Edge {
        routes: routes
            .iter()
            .map(|(text, to)| (route(text), service(to)))
            .collect(),
    }
}

/// One route for everything, with something that stands before it.
pub(crate) fn guarded(guard: Guard, to: &str) -> Purpose {
    let mut purpose = edge(&[("/", to)]);
    if let Purpose::Edge { routes } = &mut purpose {
        routes[0].0.treatment.guard = guard;
    }
    purpose
}

/// A proxy, and a service of this name with one endpoint.
pub(crate) async fn serving(name: &'static str) -> (Service, Rig) {
    let service = Service::start(name).await;
    let mut rig = Rig::start().await;
    rig.publish(name, vec![endpoint(name, 1, service.address)])
        .await;
    (service, rig)
}

/// The service `web`, and where an edge sends everything to it.
pub(crate) async fn shop() -> (Service, Rig, SocketAddr) {
    let (web, mut rig) = serving("web").await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    (web, rig, at)
}

impl Rig {
    pub(crate) async fn start() -> Rig {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ondol-proxy-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (link, events) = Link::start(folder.join("proxy.sock"));
        link.counted(BTreeMap::new());
        let mut rig = Rig {
            folder,
            proxy: None,
            link,
            events,
            listeners: Vec::new(),
            traffic: Vec::new(),
            certificates: Vec::new(),
            challenges: BTreeMap::new(),
            files: BTreeMap::new(),
            signals: BTreeMap::new(),
            version: 0,
            tables: BTreeMap::new(),
        };
        rig.start_proxy();
        rig.connected().await;
        rig
    }

    pub(crate) fn start_proxy(&mut self) {
        self.proxy = Some(self.command().spawn().unwrap());
    }

    /// Starts a proxy besides the first, and says how it ended.
    pub(crate) async fn start_another(&self) -> ExitStatus {
        let mut command = self.command();
        let ended = tokio::task::spawn_blocking(move || command.stderr(Stdio::null()).status());
        timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "rig::the_proxy_process", "--ignored"])
            .env(FOLDER, &self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub(crate) fn kill_proxy(&mut self) {
        let mut proxy = self.proxy.take().unwrap();
        proxy.kill().unwrap();
        proxy.wait().unwrap();
    }

    pub(crate) fn proxy_id(&self) -> u32 {
        self.proxy.as_ref().unwrap().id()
    }

    /// Asks the proxy to stop and does not wait for it: the next may begin.
    pub(crate) fn ask_to_stop(&mut self) -> Child {
        let proxy = self.proxy.take().unwrap();
        let pid = rustix::process::Pid::from_child(&proxy);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        proxy
    }

    /// Asks the proxy to stop and says its exit code.
    pub(crate) async fn stop_proxy(&mut self) -> Option<i32> {
        let mut proxy = self.ask_to_stop();
        tokio::task::spawn_blocking(move || proxy.wait().unwrap().code())
            .await
            .unwrap()
    }

    /// The node dies and another begins: nothing is left of what it held.
    pub(crate) async fn restart_node(&mut self) -> Hello {
        self.restart_node_with(BTreeMap::new()).await
    }

    /// The same, where so many reports of each proxy are counted for good.
    pub(crate) async fn restart_node_with(&mut self, counted: BTreeMap<u64, u64>) -> Hello {
        let (link, events) = Link::start(self.folder.join("proxy.sock"));
        link.counted(counted);
        self.link = link;
        self.events = events;
        self.connected().await
    }

    /// The node dies, and for a while there is none.
    pub(crate) fn kill_node(&mut self) {
        (self.link, self.events) = Link::start(self.folder.join("nobody.sock"));
    }

    /// What is said of requests, until so many were counted.
    pub(crate) async fn signals(&mut self, requests: u64) -> Vec<Signals> {
        let all = self.signals_from(requests).await;
        assert_eq!(counted(&all), requests, "each is counted once");
        all
    }

    /// What is said of requests, until at least so many were counted.
    pub(crate) async fn signals_from(&mut self, requests: u64) -> Vec<Signals> {
        let mut all = Vec::new();
        while counted(&all) < requests {
            if let LinkEvent::Signals(signals) = self.event().await {
                all.push(*signals);
            }
        }
        all
    }

    pub(crate) async fn connected(&mut self) -> Hello {
        loop {
            if let LinkEvent::Connected(hello) = self.event().await {
                return hello;
            }
        }
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("the proxy says something")
            .unwrap()
    }

    /// Opens a TCP listener on a free port.
    pub(crate) async fn listen(&mut self, purpose: Purpose) -> SocketAddr {
        self.listen_at(own_address(), Transport::Tcp, purpose).await
    }

    pub(crate) async fn listen_at(
        &mut self,
        address: SocketAddr,
        transport: Transport,
        purpose: Purpose,
    ) -> SocketAddr {
        let socket = ondol_proxy::bind(address, transport).unwrap();
        let address = local_address(&socket, transport);
        let id = ListenerId(u64::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        self.listeners.push(Listener {
            id,
            address,
            transport,
            purpose,
            opening: Opening::default(),
        });
        self.send(BTreeMap::from([(id, Arc::new(socket))])).await;
        address
    }

    /// A listener whose connections begin otherwise.
    pub(crate) async fn listen_by(&mut self, purpose: Purpose, opening: Opening) -> SocketAddr {
        let address = self.listen(purpose).await;
        let same = |listener: &&mut Listener| listener.address == address;
        self.listeners.iter_mut().find(same).unwrap().opening = opening;
        self.send(BTreeMap::new()).await;
        address
    }

    /// Tells the proxy what is in `traffic`, `certificates` and `challenges`.
    pub(crate) async fn renew(&mut self) {
        self.send(BTreeMap::new()).await;
    }

    /// A listener whose socket the proxy has to bind itself. Says what it could not bind.
    pub(crate) async fn listen_without_socket(
        &mut self,
        address: SocketAddr,
        purpose: Purpose,
    ) -> Vec<(ListenerId, String)> {
        let id = ListenerId(u64::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        self.listeners.push(Listener {
            id,
            address,
            transport: Transport::Tcp,
            purpose,
            opening: Opening::default(),
        });
        self.send(BTreeMap::new()).await
    }

    pub(crate) async fn close(&mut self, address: SocketAddr) {
        self.listeners
            .retain(|listener| listener.address != address);
        self.send(BTreeMap::new()).await;
    }

    pub(crate) async fn retarget(&mut self, address: SocketAddr, purpose: Purpose) {
        let same = |listener: &&mut Listener| listener.address == address;
        self.listeners.iter_mut().find(same).unwrap().purpose = purpose;
        self.send(BTreeMap::new()).await;
    }

    async fn send(&mut self, sockets: Sockets) -> Vec<(ListenerId, String)> {
        self.version += 1;
        let version = self.version;
        self.link.send_snapshot(self.snapshot(), sockets);
        loop {
            match self.event().await {
                LinkEvent::Accepted {
                    version: accepted,
                    failed,
                } if accepted == version => return failed,
                LinkEvent::Refused { reason, .. } => panic!("refused: {reason}"),
                _ => {}
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            version: self.version,
            listeners: self.listeners.clone(),
            traffic: self.traffic.clone(),
            certificates: self.certificates.clone(),
            challenges: self.challenges.clone(),
            files: self.files.clone(),
            signals: self.signals.clone(),
        }
    }

    /// Replaces the endpoints of a service and waits until every worker uses them.
    pub(crate) async fn publish(&mut self, name: &str, endpoints: Vec<Endpoint>) {
        let service = service(name);
        let version = self.tables.get(&service).copied().unwrap_or(0) + 1;
        self.tables.insert(service.clone(), version);
        self.link.publish(EndpointTable {
            service: service.clone(),
            version,
            endpoints,
        });
        let expected = Observation::Acknowledged { service, version };
        loop {
            if matches!(self.event().await, LinkEvent::Saw(seen) if seen == expected) {
                return;
            }
        }
    }

    pub(crate) async fn await_drained(&mut self, name: &str, number: u32) {
        let (replica, run) = (replica(name, number), RunId(u64::from(number)));
        self.link.await_drained(replica.clone(), run);
        let expected = Observation::Drained { replica, run };
        loop {
            if matches!(self.event().await, LinkEvent::Saw(seen) if seen == expected) {
                return;
            }
        }
    }

    /// Takes the place of the node for a moment, with bytes that mean nothing.
    pub(crate) async fn talk_nonsense(&self) {
        let mut stream = tokio::net::UnixStream::connect(self.folder.join("proxy.sock"))
            .await
            .unwrap();
        let _ = stream.write_all(&[0xff; 64]).await;
        let mut heard = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "the proxy hangs up");
    }

    pub(crate) async fn status(&self) -> Status {
        timeout(PATIENCE, self.link.status())
            .await
            .unwrap()
            .unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            let _ = proxy.kill();
            let _ = proxy.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn counted(all: &[Signals]) -> u64 {
    let rows = all.iter().flat_map(|signals| &signals.red);
    rows.map(|(_, row)| row.requests()).sum()
}

fn local_address(socket: &OwnedFd, transport: Transport) -> SocketAddr {
    let socket = socket.try_clone().unwrap();
    match transport {
        Transport::Tcp => std::net::TcpListener::from(socket).local_addr().unwrap(),
        Transport::Udp => std::net::UdpSocket::from(socket).local_addr().unwrap(),
    }
}

/// A port that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind(own_address()).unwrap();
    listener.local_addr().unwrap()
}

/// Any port of an address of loopback that hardly another test and no outgoing connection uses, so that a port
/// that was closed stays free.
fn own_address() -> SocketAddr {
    let last = NEXT.fetch_add(1, Ordering::Relaxed) % 250 + 1;
    (Ipv4Addr::new(127, 0, 8, last as u8), 0).into()
}
