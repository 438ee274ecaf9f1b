//! What people want of services: requests per second, what that costs a replica, and what the node is told of it.

use std::time::Duration;

use ondol_model::{
    Autoscale, Bytes, LoadReading, Observation, ReplicaId, RunId, ScaleMetric, ScaleSource,
    ScaleTarget, Service, ServiceName, ServiceRef, Time, TrafficReading, UsageReading,
};

use crate::rng::Luck;
use crate::world::World;

/// Requests per second that a replica is meant for.
const EACH: u64 = 10;
/// Thousandths of a core that one request per second takes.
const COST_MILLI: u64 = 50;
/// Once the load is constant, the number of replicas is found within this time, and then stays for as long.
const FOUND_WITHIN: Duration = Duration::from_secs(90);
/// What happens in that time at most: rounds, probes and their answers.
const STEPS_MAX: u32 = 50_000;

/// Rules of a service that follows its load: by requests, by CPU or by both.
pub(crate) fn autoscale(luck: Luck) -> Autoscale {
    let metric = |of, target| ScaleMetric { of, target };
    let requests = metric(ScaleSource::Requests, ScaleTarget::Each(EACH * 1000));
    let cpu = metric(ScaleSource::Cpu, ScaleTarget::Each(EACH * COST_MILLI));
    Autoscale {
        min: luck.of(1).below(2) as u32,
        max: luck.of(2).between(2, 5) as u32,
        metrics: match luck.of(3).below(3) {
            0 => vec![requests],
            1 => vec![cpu],
            _ => vec![requests, cpu],
        },
        up_window: Duration::from_secs(luck.of(4).below(2) * 5),
        down_window: Duration::from_secs(luck.of(5).between(5, 30)),
        idle: Duration::from_secs(luck.of(6).between(5, 30)),
    }
}

impl World {
    /// From now on so many requests per second come for this service.
    pub(crate) fn load(&mut self, name: ServiceName, requests: u64) {
        self.loads.insert(name.clone(), requests);
        self.call_for(&name);
    }

    /// A request waits at the proxy when no endpoint is ready.
    pub(crate) fn call_for(&mut self, name: &ServiceName) {
        let asked = self.loads.get(name).is_some_and(|load| *load > 0);
        let nobody = self
            .tables
            .get(name)
            .is_some_and(|table| !table.endpoints.iter().any(|endpoint| endpoint.ready));
        if asked && nobody {
            let service = self.service_ref(name);
            self.hear_in((0, 5), Observation::Awaited { service });
        }
    }

    /// Answers a question of the node about the load. While readings are stale, they are wild, and a minute old.
    pub(crate) fn measure(&mut self, service: ServiceRef, replicas: Vec<(ReplicaId, RunId)>) {
        let name = &service.service;
        let load = self.loads.get(name).copied().unwrap_or(0);
        let (at, load) = match self.readings_stale {
            true => (self.shown - Duration::from_secs(60), load * 7 + 35),
            false => (self.shown, load),
        };
        let table = self.tables.get(name);
        let is_ready = |run: &RunId| {
            let mut endpoints = table.into_iter().flat_map(|table| &table.endpoints);
            endpoints.any(|endpoint| endpoint.ready && endpoint.run == *run)
        };
        let ready = replicas.iter().filter(|(_, run)| is_ready(run)).count() as u64;
        let usage = |(_, run): &(ReplicaId, RunId)| {
            let load = if is_ready(run) { load } else { 0 };
            let usage = UsageReading {
                at,
                cpu_milli: u32::try_from(load * COST_MILLI / ready.max(1)).ok(),
                memory: Bytes(64 << 20),
                oom_kills: 0,
            };
            (*run, usage)
        };
        let reading = LoadReading {
            traffic: Some(TrafficReading {
                at,
                requests: load as f64,
                in_flight: load / EACH,
                waiting: 0,
                p95: None,
                last: (load > 0).then_some(at),
            }),
            replicas: replicas.iter().map(usage).collect(),
            ..LoadReading::default()
        };
        let reading = Box::new(reading);
        self.hear_in((1, 300), Observation::Measured { service, reading });
    }

    /// Nothing may be decided by what was true long ago.
    pub(crate) fn check_scaled(&mut self, service: &ServiceRef, replicas: Option<u32>) {
        let before = self
            .memories
            .get(service)
            .and_then(|memory| memory.replicas);
        if self.hears_stale && replicas.is_some() && before.is_some() && before != replicas {
            self.violate(|| format!("{service} is scaled by a reading of long ago"));
        }
    }

    /// Whether a reading is so old that it says nothing.
    pub(crate) fn is_stale(&self, observation: &Observation) -> bool {
        let Observation::Measured { reading, .. } = observation else {
            return false;
        };
        let at = reading.traffic.map_or(Time::ZERO, |traffic| traffic.at);
        self.shown.since(at) > Duration::from_secs(30)
    }

    /// Under a constant load the number of replicas settles, at what the load needs.
    pub(crate) fn stays_as_it_is(&mut self) {
        let names = self.project.services.iter();
        let scaled = names.filter(|(_, service)| service.autoscale.is_some());
        let scaled: Vec<_> = scaled
            .map(|(name, service)| (name.clone(), service.clone()))
            .collect();
        if scaled.is_empty() || self.wish.is_none() {
            return;
        }
        self.last_for(FOUND_WITHIN);
        let found: Vec<_> = scaled.iter().map(|(name, _)| self.wanted(name)).collect();
        self.last_for(FOUND_WITHIN);
        for ((name, service), found) in scaled.iter().zip(found) {
            let now = self.wanted(name);
            if now != found {
                self.violate(|| format!("{name} goes from {found} to {now} under a constant load"));
            }
            let load = self.loads.get(name).copied().unwrap_or(0);
            if let Some(words) = misfit(service, load, now) {
                self.violate(|| {
                    format!("{name} has {now} replicas for {load} requests/s: {words}")
                });
            }
        }
    }

    /// Replicas that the node wants of a service now.
    pub(crate) fn wanted(&mut self, name: &ServiceName) -> u32 {
        let view = self.control.view();
        let project = view.projects.get(&self.project.name);
        let service = project.and_then(|project| project.services.get(name));
        service.map_or(0, |service| service.wanted)
    }

    fn last_for(&mut self, span: Duration) {
        let until = self.now + span;
        let mut steps = 0;
        while self.violation.is_none() && self.next_at().is_some_and(|at| at <= until) {
            self.next();
            steps += 1;
            if steps > STEPS_MAX {
                self.violate(|| format!("it does not keep still for {} s", span.as_secs()));
            }
        }
        self.now = self.now.max(until);
    }

    fn service_ref(&self, name: &ServiceName) -> ServiceRef {
        ServiceRef {
            project: self.project.name.clone(),
            service: name.clone(),
        }
    }
}

/// Why so many are not right for this load: ten percent are tolerated.
fn misfit(service: &Service, load: u64, count: u32) -> Option<&'static str> {
    let rules = service.autoscale.as_ref()?;
    let room = u64::from(count) * EACH * 11 / 10;
    if load > room && count < rules.max {
        return Some("more are needed");
    }
    let needed = load.div_ceil(EACH).max(u64::from(rules.min));
    let least = needed.min(u64::from(rules.max));
    // One more than is needed is within what is tolerated.
    (u64::from(count) > least + 1).then_some("fewer would do")
}
