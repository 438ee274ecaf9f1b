use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ondol_model::{Balance, CrossZone, EndpointTable, ListenerId, ServiceRef, Time, Transport};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::accept::{self, Door};
use super::clients::Clients;
use super::handshakes::Handshakes;
use super::waits::Waits;
use super::{Crew, Order, Report, Serving, Target};
use crate::compiled::Compiled;
use crate::control::Ack;
use crate::entrance::{Dialled, Wires};
use crate::http::{Buffers, Dates};
use crate::limits::Limits;
use crate::signals::{Gathered, Recorder};
use crate::upstream::{Cluster, Policy};

/// How often idle connections are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often a worker that quits looks whether it is done.
const QUIT_POLL: Duration = Duration::from_millis(20);
/// How long it waits for connections that another worker is giving it.
const QUIT_TIME_MIN: Duration = Duration::from_millis(100);

/// Everything that one worker owns. It lives on one thread, so that nothing in it is locked.
pub(crate) struct Shard {
    pub index: usize,
    pub limits: Limits,
    pub crew: Arc<Crew>,
    pub clients: Rc<Clients>,
    pub handshakes: Handshakes,
    pub waits: Waits,
    pub recorder: Recorder,
    pub buffers: Buffers,
    pub dates: Dates,
    /// [`Shard::now`] at the last tick.
    pub coarse: Arc<AtomicU64>,
    wires: RefCell<Arc<Wires>>,
    random: RandomState,
    listeners: RefCell<BTreeMap<ListenerId, Rc<Serving>>>,
    transports: RefCell<BTreeMap<ListenerId, Transport>>,
    doors: RefCell<BTreeMap<ListenerId, Door>>,
    clusters: RefCell<BTreeMap<ServiceRef, Rc<Cluster>>>,
    /// Which services an address belongs to.
    owners: RefCell<BTreeMap<IpAddr, BTreeSet<ServiceRef>>>,
    /// The addresses of each.
    tables: RefCell<BTreeMap<ServiceRef, Vec<IpAddr>>>,
    compiled: RefCell<Arc<Compiled>>,
}

impl Shard {
    pub(crate) fn new(index: usize, crew: Arc<Crew>, limits: Limits) -> Rc<Self> {
        Rc::new(Shard {
            index,
            limits,
            clients: Rc::default(),
            handshakes: Handshakes::default(),
            waits: Waits::default(),
            recorder: Recorder::new(crew.clone()),
            crew,
            buffers: Buffers::default(),
            dates: Dates::default(),
            wires: RefCell::default(),
            coarse: Arc::default(),
            random: RandomState::new(),
            listeners: RefCell::default(),
            transports: RefCell::default(),
            doors: RefCell::default(),
            clusters: RefCell::default(),
            owners: RefCell::default(),
            tables: RefCell::default(),
            compiled: RefCell::default(),
        })
    }

    pub(crate) fn now(&self) -> Time {
        self.crew.clock.now()
    }

    /// Seconds since 1970.
    pub(crate) fn date(&self) -> u64 {
        self.crew.clock.date()
    }

    /// A number that nobody can foretell.
    pub(crate) fn draw(&self, salt: u64) -> u64 {
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(salt);
        hasher.finish()
    }

    pub(crate) fn serving(&self, id: ListenerId) -> Option<Rc<Serving>> {
        self.listeners.borrow().get(&id).cloned()
    }

    /// How a service is spoken to; `None` as most are.
    pub(crate) fn dial(&self, service: &ServiceRef) -> Option<Arc<Dialled>> {
        self.wires.borrow().dial(service).cloned()
    }

    /// The service that has `ip` as an address of one of its replicas.
    pub(crate) fn owner(&self, ip: IpAddr) -> Option<ServiceRef> {
        self.owners.borrow().get(&ip)?.last().cloned()
    }

    /// The zone that a caller is in, where that makes a difference.
    pub(crate) fn zone(&self, balance: &Balance, caller: IpAddr) -> Option<String> {
        if balance.cross_zone == CrossZone::Always {
            return None;
        }
        let service = self.owner(caller)?;
        let cluster = self.clusters.borrow().get(&service).cloned()?;
        cluster.zone_of(caller)
    }

    pub(super) async fn obey(self: Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let order = tokio::select! {
                order = inbox.recv() => order,
                _ = tick.tick() => {
                    self.sweep();
                    continue;
                }
            };
            match order {
                Some(Order::Configure(compiled, wires, ack)) => {
                    self.configure(&compiled, &wires, &ack);
                    self.wires.replace(wires);
                }
                Some(Order::Open(id, socket, ack)) => self.open(id, &socket, &ack),
                Some(Order::Endpoints(table, _ack)) => self.apply(&table),
                Some(Order::AwaitDrained(replica, run, ack)) => {
                    let cluster = self.clusters.borrow().get(&replica.service_ref()).cloned();
                    if let Some(cluster) = cluster {
                        cluster.await_drained(replica, run, ack);
                    }
                }
                Some(Order::Take(arrival)) => accept::serve(&self, arrival),
                Some(Order::Report(answer)) => {
                    let _ = answer.send(self.report());
                }
                Some(Order::Collect(answer)) => {
                    let _ = answer.send(self.collect());
                }
                Some(Order::Quit) | None => return self.quit(inbox).await,
            }
        }
    }

    fn configure(&self, compiled: &Arc<Compiled>, wires: &Wires, ack: &Arc<Ack>) {
        let snapshot = &compiled.snapshot;
        let mut listeners = self.listeners.borrow_mut();
        let mut transports = self.transports.borrow_mut();
        let listed: BTreeSet<_> = snapshot
            .listeners
            .iter()
            .map(|listener| listener.id)
            .collect();
        for (id, serving) in listeners.iter().filter(|(id, _)| !listed.contains(id)) {
            serving.close(self.now());
            transports.remove(id);
            if let Some(door) = self.doors.borrow_mut().remove(id) {
                door.close_for_good(ack.clone());
            }
        }
        for listener in &snapshot.listeners {
            let edge = compiled.edges.get(&listener.id);
            let front = compiled.fronts.get(&listener.id);
            let target = Target::new(listener, edge, front, |service| self.cluster(service));
            let entrance = wires.entrance(listener.id);
            transports.insert(listener.id, listener.transport);
            match listeners.get(&listener.id) {
                Some(serving) if !serving.is_closing() => serving.retarget(target, entrance),
                _ => {
                    listeners.insert(
                        listener.id,
                        Rc::new(Serving::new(listener.id, target, entrance)),
                    );
                }
            }
        }
        self.recorder.configure(&snapshot.signals);
        self.compiled.replace(compiled.clone());
        for (service, cluster) in self.clusters.borrow().iter() {
            cluster.configure(policy_of(compiled, service));
        }
    }

    fn open(self: &Rc<Self>, id: ListenerId, socket: &OwnedFd, ack: &Ack) {
        let transport = self.transports.borrow().get(&id).copied();
        let (Some(serving), Some(transport)) = (self.serving(id), transport) else {
            return;
        };
        match Door::open(self, &serving, id, transport, socket) {
            Ok(door) => {
                self.doors.borrow_mut().insert(id, door);
            }
            Err(error) => ack.fail(format!("cannot accept connections: {error}")),
        }
    }

    fn apply(&self, table: &EndpointTable) {
        self.cluster(&table.service).apply(table, self.now());
        let (mut owners, mut tables) = (self.owners.borrow_mut(), self.tables.borrow_mut());
        let service = &table.service;
        for ip in tables.remove(service).unwrap_or_default() {
            if let Entry::Occupied(mut services) = owners.entry(ip) {
                services.get_mut().remove(service);
                if services.get().is_empty() {
                    services.remove();
                }
            }
        }
        let ips: Vec<_> = table.endpoints.iter().map(|endpoint| endpoint.ip).collect();
        for ip in &ips {
            owners.entry(*ip).or_default().insert(service.clone());
        }
        if !ips.is_empty() {
            tables.insert(service.clone(), ips);
        }
    }

    /// The cluster of a service, made when it is named for the first time.
    pub(crate) fn cluster(&self, service: &ServiceRef) -> Rc<Cluster> {
        let mut clusters = self.clusters.borrow_mut();
        if let Some(cluster) = clusters.get(service) {
            return cluster.clone();
        }
        let seed = self.draw(clusters.len() as u64);
        let cluster = Rc::new(Cluster::new(
            service.clone(),
            seed,
            self.crew.awaited.clone(),
        ));
        cluster.configure(policy_of(&self.compiled.borrow(), service));
        clusters.insert(service.clone(), cluster.clone());
        cluster
    }

    fn sweep(&self) {
        let now = self.now();
        self.recorder.tick(TICK);
        self.sweep_clients(now);
        let listed = |serving: &Rc<Serving>| !serving.is_closed_since(now - TICK);
        self.listeners
            .borrow_mut()
            .retain(|_, serving| listed(serving));
        self.clusters.borrow_mut().retain(|_, cluster| {
            cluster.sweep(&self.limits, now);
            Rc::strong_count(cluster) > 1 || !cluster.is_empty()
        });
    }

    fn sweep_clients(&self, now: Time) {
        self.coarse.store(now.as_nanos(), Ordering::Relaxed);
        self.clients.sweep(&self.limits, now);
        self.waits.sweep(self.limits.response_time_max, now);
    }

    fn collect(&self) -> Gathered {
        let clusters = self.clusters.borrow();
        let loads = clusters.values().flat_map(|cluster| cluster.loads());
        Gathered {
            loads: loads.filter(|load| load.in_flight > 0).collect(),
            ..self.recorder.collect()
        }
    }

    fn report(&self) -> Report {
        let now = self.now();
        Report {
            listeners: self
                .listeners
                .borrow()
                .values()
                .map(|serving| serving.status())
                .collect(),
            services: self
                .clusters
                .borrow()
                .values()
                .map(|cluster| cluster.status(now))
                .collect(),
        }
    }

    /// Stops accepting without closing the sockets for others, and waits for its clients.
    async fn quit(self: &Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Order>) {
        self.doors.borrow_mut().clear();
        for serving in self.listeners.borrow().values() {
            serving.close(self.now());
        }
        let began = self.now();
        loop {
            // What another worker accepted before it heard of the end is served too.
            if let Ok(Some(order)) = timeout(QUIT_POLL, inbox.recv()).await {
                if let Order::Take(arrival) = order {
                    accept::serve(self, arrival);
                }
                continue;
            }
            let now = self.now();
            self.sweep_clients(now);
            let gone = now.since(began);
            let open = self.crew.open(self.index);
            let done = gone > QUIT_TIME_MIN && open == 0 && self.clients.is_empty();
            if done || gone > self.limits.quit_time_max {
                return;
            }
        }
    }
}

fn policy_of(compiled: &Compiled, service: &ServiceRef) -> Policy {
    let policy = compiled.policies.get(service);
    policy
        .map(|policy| policy.as_ref().clone())
        .unwrap_or_default()
}
