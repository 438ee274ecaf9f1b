mod pick;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{EndpointTable, Load, ReplicaId, RunId, ServiceRef, Time};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{InFlight, Policy, Refused, Upstream};
use crate::awaited::Awaited;
use crate::control::Ack;
use crate::limits::Limits;
use crate::policy::eject::has_room;
use crate::policy::retry;
use crate::policy::window::{Tally, Window};
use crate::{Refusal, ServiceStatus};

/// How often the node is told that a request waits for a service that may sleep: it may have been away.
const CALL_AGAIN: Duration = Duration::from_secs(1);

/// One service and its endpoints, as one worker knows them.
pub(crate) struct Cluster {
    service: ServiceRef,
    all: RefCell<BTreeMap<(ReplicaId, RunId), Rc<Upstream>>>,
    ready: RefCell<Vec<Rc<Upstream>>>,
    /// The same by zone, for services that have some.
    zones: RefCell<BTreeMap<String, Vec<Rc<Upstream>>>>,
    arrived: Notify,
    waiting: Cell<u32>,
    awaited: Arc<Awaited>,
    random: Cell<u64>,
    turn: Cell<u64>,
    refused: RefCell<BTreeMap<Refusal, u64>>,
    policy: RefCell<Rc<Policy>>,
    /// [`Policy::only_sends_on`].
    only_sends_on: Cell<bool>,
    /// Requests of this worker lately; the bad ones were repeated.
    repeated: Window,
    /// Copies of requests on their way.
    mirrored: Cell<u32>,
}

impl Cluster {
    pub(crate) fn new(service: ServiceRef, seed: u64, awaited: Arc<Awaited>) -> Self {
        Cluster {
            service,
            all: RefCell::default(),
            ready: RefCell::default(),
            zones: RefCell::default(),
            arrived: Notify::new(),
            waiting: Cell::new(0),
            awaited,
            random: Cell::new(seed),
            turn: Cell::new(seed),
            refused: RefCell::default(),
            policy: RefCell::default(),
            only_sends_on: Cell::new(true),
            repeated: Window::new(retry::BUDGET_WINDOW, 1),
            mirrored: Cell::new(0),
        }
    }

    pub(crate) fn service(&self) -> &ServiceRef {
        &self.service
    }

    pub(crate) fn policy(&self) -> Rc<Policy> {
        self.policy.borrow().clone()
    }

    pub(crate) fn only_sends_on(&self) -> bool {
        self.only_sends_on.get()
    }

    /// How requests reach it from now on.
    pub(crate) fn configure(&self, policy: Policy) {
        self.only_sends_on.set(policy.only_sends_on());
        self.policy.replace(Rc::new(policy));
        self.sort_zones();
        self.connect_circuits();
    }

    /// Takes a new table. What was learned of an endpoint stays with it; what left finishes.
    pub(crate) fn apply(&self, table: &EndpointTable, now: Time) {
        let mut all = self.all.borrow_mut();
        let listed: BTreeMap<_, _> = table
            .endpoints
            .iter()
            .map(|endpoint| ((endpoint.replica.clone(), endpoint.run), endpoint))
            .collect();
        for (key, upstream) in all.iter() {
            upstream.update(listed.get(key).copied(), now);
        }
        for (key, endpoint) in listed {
            all.entry(key)
                .or_insert_with(|| Rc::new(Upstream::new(endpoint.clone(), now)));
        }
        let ready: Vec<_> = all
            .values()
            .filter(|upstream| upstream.is_ready())
            .cloned()
            .collect();
        let some = !ready.is_empty();
        self.ready.replace(ready);
        drop(all);
        self.sort_zones();
        self.connect_circuits();
        if some {
            self.arrived.notify_waiters();
        }
    }

    /// The same, and waits for one while there is none.
    pub(crate) async fn pick_or_wait(
        &self,
        refused: &Refused,
        limits: &Limits,
        now: impl Fn() -> Time,
    ) -> Result<InFlight, Refusal> {
        if let Some(upstream) = self.pick(refused, now()) {
            return Ok(upstream);
        }
        // Boxed: hardly any request waits, and a future is as large as its largest part.
        Box::pin(self.wait(refused, limits, now)).await
    }

    async fn wait(
        &self,
        refused: &Refused,
        limits: &Limits,
        now: impl Fn() -> Time,
    ) -> Result<InFlight, Refusal> {
        if self.waiting.get() >= limits.waiting_max {
            return Err(Refusal::WaitQueueFull);
        }
        let _place = Place::take(&self.waiting);
        let wake_max = self.policy.borrow().traffic.wake_max;
        let deadline = Instant::now() + wake_max.unwrap_or(limits.endpoint_wait_max);
        loop {
            self.call_for_one();
            // Nothing can arrive between the look and the wait: both happen in one poll of one thread.
            let look = deadline.min(Instant::now() + CALL_AGAIN);
            let arrived = timeout_at(look, self.arrived.notified()).await;
            if let Some(upstream) = self.pick(refused, now()) {
                return Ok(upstream);
            }
            if arrived.is_err() && look == deadline {
                return Err(Refusal::NoEndpoint);
            }
        }
    }

    /// None of its replicas may run until somebody asks for it: then requests from outside wait too.
    pub(crate) fn may_sleep(&self) -> bool {
        self.policy.borrow().traffic.wake_max.is_some()
    }

    /// Tells the node that a request is here, while there is nobody who could get it ready.
    pub(crate) fn call_for_one(&self) {
        if self.may_sleep() && self.ready.borrow().is_empty() {
            self.awaited.add(&self.service);
        }
    }

    /// Hears how a request to one of its endpoints ended.
    pub(crate) fn judge(&self, endpoint: &InFlight, is_good: bool, now: Time) {
        let policy = self.policy.borrow();
        let rule = &policy.traffic.balance.eject;
        let room = || {
            let ready = self.ready.borrow();
            let out = ready.iter().filter(|upstream| upstream.is_ejected(now));
            has_room(rule, ready.len(), out.count())
        };
        endpoint.judge(is_good, rule, room, now);
    }

    /// Counts a request that is sent, for the first time or again.
    pub(crate) fn count_sent(&self, is_repeated: bool, now: Time) {
        self.repeated.add(0, !is_repeated, now);
    }

    /// Requests of the last moments, of which the bad ones were repeated.
    pub(crate) fn sent_lately(&self, now: Time) -> Tally {
        self.repeated.sum(Time::ZERO, now)
    }

    /// Whether every ready endpoint is one of `runs`.
    pub(crate) fn has_only(&self, runs: &[RunId]) -> bool {
        self.ready
            .borrow()
            .iter()
            .all(|upstream| runs.contains(&upstream.run()))
    }

    /// It has no endpoint, and nothing is in flight to an earlier one.
    pub(crate) fn is_empty(&self) -> bool {
        !self
            .all
            .borrow()
            .values()
            .any(|upstream| upstream.is_known())
    }

    /// Lets go of `ack` when nothing is in flight to this start of a replica; at once when it is not known.
    pub(crate) fn await_drained(&self, replica: ReplicaId, run: RunId, ack: Arc<Ack>) {
        if let Some(upstream) = self.all.borrow().get(&(replica, run)) {
            upstream.await_drained(ack);
        }
    }

    /// Copies of requests that are on their way to it.
    pub(crate) fn mirrored(&self) -> u32 {
        self.mirrored.get()
    }

    /// One more, until it is dropped.
    pub(crate) fn count_mirrored(&self) -> Place<'_> {
        Place::take(&self.mirrored)
    }

    pub(crate) fn count_refusal(&self, refusal: Refusal) {
        *self.refused.borrow_mut().entry(refusal).or_default() += 1;
    }

    /// Closes idle connections and forgets endpoints that are gone.
    pub(crate) fn sweep(&self, limits: &Limits, now: Time) {
        for upstream in self.all.borrow().values() {
            upstream.sweep(limits, now);
        }
        let mut all = self.all.borrow_mut();
        all.retain(|_, upstream| upstream.is_known());
    }

    /// What its endpoints have to do.
    pub(crate) fn loads(&self) -> Vec<Load> {
        self.all
            .borrow()
            .values()
            .map(|upstream| upstream.load())
            .collect()
    }

    pub(crate) fn status(&self, now: Time) -> ServiceStatus {
        ServiceStatus {
            service: self.service.clone(),
            refused: self.refused.borrow().clone(),
            waiting: u64::from(self.waiting.get()),
            queued: self.queued(),
            endpoints: self
                .all
                .borrow()
                .values()
                .filter(|upstream| upstream.is_known())
                .map(|upstream| upstream.status(now))
                .collect(),
        }
    }

    /// Requests that wait for a place, all workers together.
    fn queued(&self) -> u64 {
        let policy = self.policy.borrow();
        let gate = policy.gate.as_ref();
        gate.map_or(0, |gate| u64::from(gate.waiting()))
    }

    /// The zone of the replica that has this address.
    pub(crate) fn zone_of(&self, ip: IpAddr) -> Option<String> {
        let all = self.all.borrow();
        let mut known = all.values().filter(|upstream| upstream.is_known());
        let found = known.find(|upstream| upstream.ip() == ip)?;
        let policy = self.policy.borrow();
        let zone = policy.traffic.balance.zone_of(found.number());
        zone.map(str::to_owned)
    }

    fn sort_zones(&self) {
        let policy = self.policy.borrow();
        let mut zones = self.zones.borrow_mut();
        zones.clear();
        for upstream in self.ready.borrow().iter() {
            if let Some(zone) = policy.traffic.balance.zone_of(upstream.number()) {
                let zone = zones.entry(zone.to_owned()).or_default();
                zone.push(upstream.clone());
            }
        }
    }

    fn connect_circuits(&self) {
        let policy = self.policy.borrow();
        for upstream in self.all.borrow().values() {
            let circuits = policy.endpoint_circuits.as_ref();
            upstream.set_circuit(circuits.map(|circuits| circuits.of(upstream.run())));
        }
        if let Some(circuits) = &policy.endpoint_circuits {
            circuits.forget_unused();
        }
    }
}

/// A place that is counted until it is dropped.
pub(crate) struct Place<'a>(&'a Cell<u32>);

impl<'a> Place<'a> {
    fn take(waiting: &'a Cell<u32>) -> Self {
        waiting.set(waiting.get() + 1);
        Place(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::{Endpoint, ProjectName, ServiceName};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::sleep;

    use super::*;
    use crate::upstream::Bare;

    const NOW: Time = Time::from_secs(1);

    fn web() -> ServiceRef {
        let project = ProjectName::new("shop").unwrap();
        let service = ServiceName::new("web").unwrap();
        ServiceRef { project, service }
    }

    fn table(runs: &[(u64, bool)]) -> EndpointTable {
        let endpoint = |&(run, ready): &(u64, bool)| Endpoint {
            replica: ReplicaId {
                project: web().project,
                service: web().service,
                number: run as u32,
            },
            run: RunId(run),
            ip: IpAddr::from([10, 77, 0, run as u8]),
            moved_ports: BTreeMap::new(),
            ready,
        };
        EndpointTable {
            service: web(),
            version: 1,
            endpoints: runs.iter().map(endpoint).collect(),
        }
    }

    fn picked(cluster: &Cluster) -> Vec<u64> {
        let mut runs: Vec<_> = (0..64)
            .filter_map(|_| cluster.pick(&Refused::default(), NOW))
            .map(|endpoint| endpoint.run().0)
            .collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }

    #[test]
    fn only_ready_endpoints_of_the_last_table_are_picked() {
        let cluster = Cluster::new(web(), 1, Arc::default());
        assert!(picked(&cluster).is_empty());
        cluster.apply(&table(&[(1, true), (2, false), (3, true)]), NOW);
        assert_eq!(picked(&cluster), [1, 3]);
        cluster.apply(&table(&[(2, true), (3, false)]), NOW);
        assert_eq!(picked(&cluster), [2]);
        cluster.apply(&table(&[]), NOW);
        assert!(picked(&cluster).is_empty() && cluster.is_empty());
    }

    #[test]
    fn what_was_learned_of_an_endpoint_survives_a_new_table() {
        let cluster = Cluster::new(web(), 1, Arc::default());
        cluster.apply(&table(&[(1, true)]), NOW);
        let endpoint = cluster.pick(&Refused::default(), NOW).unwrap();
        endpoint.answered(NOW, NOW + Duration::from_secs(2));
        cluster.apply(&table(&[(1, true), (2, true)]), NOW);
        assert_eq!(cluster.status(NOW).endpoints[0].latency_ms, 2000.0);
        assert_eq!(cluster.status(NOW).endpoints[0].in_flight, 1);
        // One that left with a request in flight is kept until that is done.
        cluster.apply(&table(&[(2, true)]), NOW);
        assert_eq!(cluster.status(NOW).endpoints.len(), 2);
        drop(endpoint);
        cluster.sweep(&Limits::DEFAULT, NOW);
        assert_eq!(cluster.status(NOW).endpoints.len(), 1);
    }

    #[tokio::test]
    async fn connections_outlive_a_short_absence_and_not_a_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cluster = Cluster::new(web(), 1, Arc::default());
        let limits = Limits::DEFAULT;
        let here = || {
            cluster.apply(&table(&[(1, true)]), NOW);
            cluster.pick(&Refused::default(), NOW).unwrap()
        };
        let away = || cluster.apply(&table(&[]), NOW);
        let is_kept = async |leave: &dyn Fn()| {
            let endpoint = here();
            let stream = TcpStream::connect(address).await.unwrap();
            let opened = NOW;
            let bare = Bare { stream, opened };
            endpoint.pool.bare.put(address, bare, &limits, NOW);
            drop(endpoint);
            leave();
            here().pool.bare.take(address, &limits, NOW).is_some()
        };
        assert!(is_kept(&away).await);
        assert!(
            !is_kept(&|| {
                away();
                cluster.sweep(&limits, NOW);
            })
            .await
        );
        let stop = || {
            away();
            cluster.all.borrow().values().for_each(|one| one.stop());
        };
        assert!(!is_kept(&stop).await);
    }

    #[test]
    fn one_that_refuses_is_avoided_for_a_while() {
        let cluster = Cluster::new(web(), 1, Arc::default());
        cluster.apply(&table(&[(1, true), (2, true)]), NOW);
        let endpoint = cluster.pick(&Refused::default(), NOW).unwrap();
        let refused = endpoint.run().0;
        endpoint.eject(&Limits::DEFAULT, NOW);
        drop(endpoint);
        assert_eq!(picked(&cluster), [3 - refused]);
        let later = NOW + Limits::DEFAULT.ejection;
        let back =
            (0..64).any(|_| cluster.pick(&Refused::default(), later).unwrap().run().0 == refused);
        assert!(back);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_an_endpoint_but_not_for_ever_and_not_with_too_many() {
        let cluster = Cluster::new(web(), 1, Arc::default());
        let limits = Limits {
            waiting_max: 2,
            ..Limits::DEFAULT
        };
        let refused = Refused::default();
        let wait = || cluster.pick_or_wait(&refused, &limits, || NOW);
        assert_eq!(wait().await.err(), Some(Refusal::NoEndpoint));

        let arrive = async {
            sleep(limits.endpoint_wait_max / 2).await;
            cluster.apply(&table(&[(1, false)]), NOW);
            assert_eq!(cluster.status(NOW).waiting, 2);
            cluster.apply(&table(&[(1, true)]), NOW);
        };
        let (first, second, third, ()) = tokio::join!(wait(), wait(), wait(), arrive);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third.err(), Some(Refusal::WaitQueueFull));
        assert_eq!(cluster.status(NOW).waiting, 0);
    }
}
