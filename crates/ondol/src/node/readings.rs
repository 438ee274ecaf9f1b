//! How services do just now: what the proxy said of the last second, for people and for the control loop.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ondol_api::{Reading, ReplicaState, ServiceReading};
use ondol_model::{
    Access, ProjectName, Red, ReplicaId, ReportId, RunId, ServiceRef, Signals, Time, TrafficReading,
};

use super::Node;

/// A reading is of at least this time: reports that come sooner are put together.
const SPAN_MIN: Duration = Duration::from_millis(900);
/// When nothing was said for so long, nothing happens.
const SILENT: Duration = Duration::from_millis(2500);

/// What the number of replicas follows is of this time.
const LATELY: Duration = Duration::from_secs(2);

/// What was counted lately. In moments of the proxy's reports, in nanoseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Readings {
    complete: Window,
    growing: Window,
    /// Complete ones of [`LATELY`], oldest first.
    lately: VecDeque<Window>,
    /// When a request to a service ended last.
    last: BTreeMap<ServiceRef, u64>,
}

#[derive(Clone, Debug, Default)]
struct Window {
    span: Duration,
    to_unix_ns: u64,
    /// By service and replica; without one for answers that none gave.
    red: BTreeMap<(ServiceRef, Option<(ReplicaId, RunId)>), Red>,
    in_flight: BTreeMap<RunId, (ReplicaId, u64)>,
}

impl Node {
    /// What happened to requests.
    pub(super) fn hear_signals(&mut self, mut signals: Signals) {
        if signals.lines_dropped > 0 {
            self.complain(&format!(
                "{} lines of access logs could not be written",
                signals.lines_dropped
            ));
        }
        self.readings.take(&signals);
        self.name_revisions(&mut signals.records);
        match &self.telemetry {
            Some(observing) => observing.telemetry.signals(signals),
            // Nobody keeps more of it than this.
            None => {
                let ReportId { proxy, number } = signals.report;
                self.link.counted([(proxy, number)].into());
            }
        }
    }

    /// Says which definition the replicas were started with that answered.
    fn name_revisions(&mut self, records: &mut [Access]) {
        let view = self.control.view();
        for record in records {
            let replica = record.replica.as_ref().and_then(|id| {
                let services = &view.projects.get(&id.project)?.services;
                let replicas = services.get(&id.service)?.replicas.iter();
                replicas
                    .into_iter()
                    .find(|replica| replica.run == record.run)
            });
            record.revision = replica.map(|replica| replica.definition.to_string());
        }
    }

    /// How the services of a project do.
    pub(super) fn readings_of(&mut self, project: &ProjectName) -> Vec<ServiceReading> {
        let view = self.control.view();
        let Some(project) = view.projects.get(project) else {
            return Vec::new();
        };
        let now_unix_ns = self.clock.unix_ms(self.clock.now()) * 1_000_000;
        let services = project.services.values().map(|service| {
            let of = ServiceRef {
                project: project.name.clone(),
                service: service.name.clone(),
            };
            let revisions = service.replicas.iter();
            let revisions = revisions
                .filter_map(|replica| Some((replica.run?, replica.definition.to_string())))
                .collect();
            self.readings.of(&of, &revisions, now_unix_ns)
        });
        services.collect()
    }
}

impl Readings {
    fn take(&mut self, signals: &Signals) {
        self.growing.take(signals);
        if self.growing.span >= SPAN_MIN {
            self.complete = std::mem::take(&mut self.growing);
            let span = u64::try_from(LATELY.as_nanos()).unwrap_or(u64::MAX);
            let begin = self.complete.to_unix_ns.saturating_sub(span);
            self.lately.retain(|window| window.to_unix_ns > begin);
            self.lately.push_back(self.complete.clone());
        }
        for (key, _) in &signals.red {
            if let Some(service) = &key.service {
                self.last.insert(service.clone(), signals.to_unix_ns);
            }
        }
    }

    /// What a service had to do in the last two seconds, as far as the proxy has said; `moment` makes a moment of the
    /// node out of one since 1970.
    pub(super) fn lately(
        &self,
        service: &ServiceRef,
        now_unix_ns: u64,
        moment: impl Fn(u64) -> Time,
    ) -> TrafficReading {
        let silence = now_unix_ns.saturating_sub(SILENT.as_nanos() as u64);
        let windows = || {
            let windows = self.lately.iter();
            windows.filter(move |window| window.to_unix_ns > silence)
        };
        let (mut red, mut in_flight) = (Red::default(), 0);
        for window in windows() {
            let rows = window.red.iter().filter(|((of, _), _)| of == service);
            rows.for_each(|(_, more)| red.add(more));
            let loads = window.in_flight.values();
            let loads = loads.filter(|(replica, _)| replica.service_ref() == *service);
            in_flight += loads.map(|(_, load)| load).sum::<u64>();
        }
        let span: Duration = windows().map(|window| window.span).sum();
        let requests = red.requests() as f64 / span.as_secs_f64().max(f64::EPSILON);
        TrafficReading {
            at: moment(now_unix_ns),
            requests: if span.is_zero() { 0.0 } else { requests },
            in_flight: in_flight.div_ceil(windows().count().max(1) as u64),
            waiting: 0,
            p95: red.latency.quantile(0.95),
            last: self.last.get(service).copied().map(moment),
        }
    }

    /// Forgets services that are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(&ServiceRef) -> bool) {
        self.last.retain(|service, _| is_there(service));
    }

    /// How a service does. `revisions` are the definitions that its replicas were started with.
    fn of(
        &self,
        service: &ServiceRef,
        revisions: &BTreeMap<RunId, String>,
        now_unix_ns: u64,
    ) -> ServiceReading {
        let silence = Duration::from_nanos(now_unix_ns.saturating_sub(self.complete.to_unix_ns));
        let nothing = Window::default();
        let window = match silence > SILENT {
            true => &nothing,
            false => &self.complete,
        };
        let mut all = Sum::default();
        let mut by_revision: BTreeMap<String, Sum> = BTreeMap::new();
        let mut by_replica: BTreeMap<String, Sum> = BTreeMap::new();
        let rows = window.red.iter().filter(|((of, _), _)| of == service);
        for ((_, endpoint), red) in rows {
            all.red.add(red);
            if let Some((replica, run)) = endpoint {
                let name = ReplicaState::name_of(replica);
                by_replica.entry(name).or_default().red.add(red);
                if let Some(revision) = revisions.get(run) {
                    by_revision
                        .entry(revision.clone())
                        .or_default()
                        .red
                        .add(red);
                }
            }
        }
        let loads = window.in_flight.iter();
        for (run, (replica, load)) in
            loads.filter(|(_, (replica, _))| replica.service_ref() == *service)
        {
            all.in_flight += load;
            let name = ReplicaState::name_of(replica);
            by_replica.entry(name).or_default().in_flight += load;
            if let Some(revision) = revisions.get(run) {
                by_revision.entry(revision.clone()).or_default().in_flight += load;
            }
        }
        let readings = |sums: BTreeMap<String, Sum>| {
            let sums = sums.into_iter();
            sums.map(|(name, sum)| (name, sum.over(window.span)))
                .collect()
        };
        ServiceReading {
            service: service.service.clone(),
            reading: all.over(window.span),
            revisions: readings(by_revision),
            replicas: readings(by_replica),
        }
    }
}

impl Window {
    fn take(&mut self, signals: &Signals) {
        let span = signals.to_unix_ns.saturating_sub(signals.from_unix_ns);
        self.span += Duration::from_nanos(span);
        self.to_unix_ns = signals.to_unix_ns;
        for (key, red) in &signals.red {
            if let Some(service) = &key.service {
                // A fallback's replica is of another service: its answers count for the one that was asked.
                let own = |replica: &&ReplicaId| replica.service_ref() == *service;
                let endpoint = key.replica.as_ref().filter(own).cloned().zip(key.run);
                let row = self.red.entry((service.clone(), endpoint)).or_default();
                row.add(red);
            }
        }
        let loads = signals.loads.iter();
        self.in_flight = loads
            .map(|load| (load.run, (load.replica.clone(), load.in_flight)))
            .collect();
    }
}

#[derive(Default)]
struct Sum {
    red: Red,
    in_flight: u64,
}

impl Sum {
    fn over(&self, span: Duration) -> Reading {
        let requests = self.red.requests();
        let part = |count: u64, of: f64| if of > 0.0 { count as f64 / of } else { 0.0 };
        let quantile = |q| {
            let span = self.red.latency.quantile(q);
            span.map(|span| span.as_secs_f64() * 1e3)
        };
        Reading {
            requests_per_second: part(requests, span.as_secs_f64()),
            error_ratio: part(self.red.errors, requests as f64),
            in_flight: self.in_flight,
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::{Load, Origin, RedKey, ServiceName};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn service(name: &str) -> ServiceRef {
        ServiceRef {
            project: ProjectName::new("shop").unwrap(),
            service: ServiceName::new(name).unwrap(),
        }
    }

    fn replica(name: &str, number: u32) -> ReplicaId {
        let ServiceRef { project, service } = service(name);
        ReplicaId {
            project,
            service,
            number,
        }
    }

    /// Requests to `web` that this replica answered with this status, each within 10 ms.
    fn row(endpoint: Option<(ReplicaId, u64)>, status: u16, count: usize) -> (RedKey, Red) {
        let (replica, run) = endpoint.unzip();
        let mut red = Red::default();
        for _ in 0..count {
            red.count(status);
            red.latency.observe(Duration::from_millis(10));
        }
        red.errors = if status >= 500 { count as u64 } else { 0 };
        let key = RedKey {
            run: run.map(RunId),
            replica,
            service: Some(service("web")),
            origin: Origin::Route("*/".into()),
            failed: status >= 500,
        };
        (key, red)
    }

    #[test]
    fn reports_of_a_second_are_a_reading_by_replica_and_revision() {
        let mut readings = Readings::default();
        let report = |from: u64, red| Signals {
            from_unix_ns: from,
            to_unix_ns: from + SECOND / 2,
            red,
            loads: vec![Load {
                replica: replica("web", 2),
                run: RunId(8),
                in_flight: 3,
            }],
            ..Signals::default()
        };
        let one = row(Some((replica("web", 1), 7)), 200, 30);
        let two = row(Some((replica("web", 2), 8)), 500, 10);
        readings.take(&report(SECOND, vec![one, two]));
        let revisions = [(RunId(7), "old".to_owned()), (RunId(8), "new".to_owned())].into();
        let of = |readings: &Readings, now| readings.of(&service("web"), &revisions, now);
        assert_eq!(
            of(&readings, 2 * SECOND).reading,
            Reading::default(),
            "too short"
        );

        let refused = row(None, 503, 5);
        let spare = row(Some((replica("spare", 1), 9)), 200, 5);
        readings.take(&report(SECOND * 3 / 2, vec![refused, spare]));
        let read = of(&readings, 2 * SECOND);
        let all = read.reading;
        assert_eq!((all.requests_per_second, all.in_flight), (50.0, 3));
        assert_eq!(all.error_ratio, 15.0 / 50.0);
        assert!((9.5..10.5).contains(&all.p99_ms.unwrap()), "{all:?}");
        let names: Vec<_> = read.replicas.keys().map(String::as_str).collect();
        assert_eq!(names, ["web-1", "web-2"]);
        assert_eq!(read.revisions["old"].requests_per_second, 30.0);
        assert_eq!(read.revisions["new"].error_ratio, 1.0);
        assert_eq!(read.revisions["new"].in_flight, 3);
        assert_eq!(
            of(&readings, 5 * SECOND).reading,
            Reading::default(),
            "silence is nothing"
        );
        assert_eq!(
            readings.of(&service("db"), &revisions, 2 * SECOND).reading,
            Reading::default()
        );
    }
}
