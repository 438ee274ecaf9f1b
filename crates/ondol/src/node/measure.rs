//! How much services have to do: asked of the proxy, their replicas and the telemetry beside the loop, told to the core.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ondol_control::Event;
use ondol_model::{
    Bytes, LoadReading, Observation, ReplicaId, RunId, ServiceRef, Time, TrafficReading,
    UsageReading,
};
use ondol_observe::Telemetry;
use ondol_runtime::{Engine, Stats};
use tokio::sync::mpsc;

use super::Node;
use super::clock::{Clock, unix_ns};

/// One that does not answer must not hold up the others.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// CPU is measured over this time.
const CPU_SPAN: Duration = Duration::from_secs(5);
/// A service whose metrics are asked for less often than this cannot be scaled by them.
const SAMPLE_AGE_MAX: Duration = Duration::from_secs(60);

/// What is to be looked at.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) service: ServiceRef,
    pub(super) replicas: Vec<(ReplicaId, RunId)>,
    pub(super) queries: Vec<String>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Measured {
    service: ServiceRef,
    stats: BTreeMap<RunId, (Time, Stats)>,
    /// Requests that wait; `None` when no proxy answered.
    waiting: Option<u64>,
    queries: BTreeMap<String, Result<(Time, f64), String>>,
}

/// CPU time that replicas had taken at earlier moments, oldest first.
type Times = BTreeMap<RunId, VecDeque<(Time, u64)>>;

/// What is kept from one look to the next.
pub(super) struct Measuring {
    cpu_times: BTreeMap<ServiceRef, Times>,
    /// Where looks come in.
    measured: mpsc::Sender<Measured>,
}

impl Measuring {
    pub(super) fn new() -> (Self, mpsc::Receiver<Measured>) {
        let (measured, found) = mpsc::channel(1);
        let cpu_times = BTreeMap::new();
        let measuring = Measuring {
            cpu_times,
            measured,
        };
        (measuring, found)
    }
}

impl Node {
    /// Looks; the loop goes on meanwhile.
    pub(super) fn measure(&self, asks: Vec<Ask>) {
        if asks.is_empty() {
            return;
        }
        let (engine, link, clock) = (self.engine.clone(), self.link.clone(), self.clock);
        let telemetry = self.telemetry.as_ref();
        let telemetry = telemetry.map(|observing| observing.telemetry.clone());
        let measured = self.measuring.measured.clone();
        tokio::spawn(async move {
            let status = tokio::time::timeout(ANSWER_MAX, link.status()).await;
            let status = status.ok().flatten();
            for ask in asks {
                let waiting = status.as_ref().map(|status| {
                    let mut services = status.services.iter();
                    let own = services.find(|one| one.service == ask.service);
                    own.map_or(0, |own| own.waiting + own.queued)
                });
                let found = Measured {
                    stats: stats(&ask, &engine, clock).await,
                    waiting,
                    queries: queries(&ask, telemetry.as_ref(), clock).await,
                    service: ask.service,
                };
                // The node has left when nobody hears it.
                let _ = measured.send(found).await;
            }
        });
    }

    /// Tells the core what was found.
    pub(super) fn hear_measured(&mut self, found: Measured) {
        let Measured {
            service,
            stats,
            waiting,
            queries,
        } = found;
        let traffic = waiting.map(|waiting| TrafficReading {
            waiting,
            ..self
                .readings
                .lately(&service, unix_ns(), |at| self.clock.of_unix_ns(at))
        });
        let before = self
            .measuring
            .cpu_times
            .remove(&service)
            .unwrap_or_default();
        let (times, replicas) = usage(before, stats);
        self.measuring.cpu_times.insert(service.clone(), times);
        let reading = Box::new(LoadReading {
            traffic,
            replicas,
            queries,
        });
        self.change(Event::Saw(Observation::Measured { service, reading }));
    }

    /// Forgets what was measured of services that are gone.
    pub(super) fn forget_measured(&mut self) {
        let view = self.control.view();
        let is_there = |service: &ServiceRef| {
            let project = view.projects.get(&service.project);
            project.is_some_and(|project| project.services.contains_key(&service.service))
        };
        self.measuring
            .cpu_times
            .retain(|service, _| is_there(service));
        self.readings.retain(is_there);
    }
}

async fn stats(ask: &Ask, engine: &Engine, clock: Clock) -> BTreeMap<RunId, (Time, Stats)> {
    let mut all = BTreeMap::new();
    for (replica, run) in &ask.replicas {
        let stats = tokio::time::timeout(ANSWER_MAX, engine.stats(replica)).await;
        if let Ok(Some(stats)) = stats {
            all.insert(*run, (clock.now(), stats));
        }
    }
    all
}

async fn queries(
    ask: &Ask,
    telemetry: Option<&Telemetry>,
    clock: Clock,
) -> BTreeMap<String, Result<(Time, f64), String>> {
    let mut all = BTreeMap::new();
    for promql in &ask.queries {
        let answer = match telemetry {
            Some(telemetry) => telemetry.sum(promql.clone(), SAMPLE_AGE_MAX).await,
            None => Err("this node has no telemetry".to_owned()),
        };
        all.insert(promql.clone(), answer.map(|value| (clock.now(), value)));
    }
    all
}

/// What replicas take now, by what they had taken before; and what to keep for the next time.
fn usage(
    mut before: Times,
    stats: BTreeMap<RunId, (Time, Stats)>,
) -> (Times, BTreeMap<RunId, UsageReading>) {
    let (mut times, mut usage) = (BTreeMap::new(), BTreeMap::new());
    for (run, (at, stats)) in stats {
        let mut known = before.remove(&run).unwrap_or_default();
        // The first one that is left is the span ago, or a little more.
        while known
            .get(1)
            .is_some_and(|(then, _)| at.since(*then) >= CPU_SPAN)
        {
            known.pop_front();
        }
        let cpu_milli = known.front().map(|(then, cpu_ns)| {
            let span_ns = at.since(*then).as_nanos().max(1);
            let used_ns = u128::from(stats.cpu_ns.saturating_sub(*cpu_ns));
            u32::try_from(used_ns * 1000 / span_ns).unwrap_or(u32::MAX)
        });
        known.push_back((at, stats.cpu_ns));
        times.insert(run, known);
        usage.insert(
            run,
            UsageReading {
                at,
                cpu_milli,
                memory: Bytes(stats.memory_bytes),
                oom_kills: stats.oom_kills,
            },
        );
    }
    (times, usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_what_was_taken_in_the_last_seconds() {
        let mut times = BTreeMap::new();
        let mut at = |secs: u64, cpu_ms: u64| {
            let stats = Stats {
                cpu_ns: cpu_ms * 1_000_000,
                ..Stats::default()
            };
            let found = BTreeMap::from([(RunId(1), (Time::from_secs(secs), stats))]);
            let (kept, usage) = usage(std::mem::take(&mut times), found);
            times = kept;
            usage[&RunId(1)].cpu_milli
        };
        assert_eq!(at(10, 100), None, "one look is none");
        assert_eq!(at(11, 600), Some(500));
        assert_eq!(at(14, 2100), Some(500));
        assert_eq!(at(16, 2100), Some(300), "since 11");
        assert_eq!(at(40, 2100), Some(0));
        assert!(times[&RunId(1)].len() < 4);
    }
}
