//! Replicas that run: what they use is read, and what they say about themselves is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Metrics, MetricsEndpoint, ReplicaId};
use ondol_observe::{Scrape, Telemetry};
use ondol_runtime::Engine;
use ondol_telemetry::Target;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::usage;

/// How often it is read what replicas use.
const EVERY: Duration = Duration::from_secs(5);

/// One whose shim does not answer must not hold up the others.
const STATS_MAX: Duration = Duration::from_millis(500);

/// A replica that runs.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::node) struct Observed {
    pub(super) id: ReplicaId,
    /// `web-1`
    pub(super) name: String,
    pub(super) restarts: u32,
    /// Where it is called, for people.
    pub(super) host: String,
    /// The first port that its service is known to have.
    pub(super) port: Option<u16>,
    pub(super) metrics: Metrics,
}

/// How the services are, as a page.
pub(in crate::node) type Summary = String;

/// Until the node is gone.
pub(super) async fn run(
    mut observed: watch::Receiver<(Vec<Observed>, Summary)>,
    engine: Engine,
    telemetry: Telemetry,
) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            changed = observed.changed() => if changed.is_err() {
                return;
            } else {
                let scrapes = observed.borrow_and_update().0.iter().filter_map(|one| scrape(one, &engine)).collect();
                telemetry.scrape(scrapes);
                continue;
            },
        }
        let (replicas, summary) = observed.borrow().clone();
        let mut there = BTreeSet::new();
        for replica in &replicas {
            let target = of_usage(replica);
            there.insert(target.key.clone());
            let stats = tokio::time::timeout(STATS_MAX, engine.stats(&replica.id)).await;
            if let Ok(Some(stats)) = stats {
                telemetry.page(target, usage::page(&stats, replica.restarts));
            }
        }
        for gone in known.difference(&there) {
            telemetry.gone(String::clone(gone));
        }
        known = there;
        telemetry.page(of_services(), summary);
    }
}

fn labels(replica: &Observed, job: String) -> Vec<(String, String)> {
    [
        ("instance", replica.name.clone()),
        ("job", job),
        ("project", replica.id.project.to_string()),
        ("service", replica.id.service.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn of_usage(replica: &Observed) -> Target {
    Target {
        key: format!("replica/{}", replica.id),
        labels: labels(replica, "ondol".to_owned()),
    }
}

fn of_services() -> Target {
    Target {
        key: "services".to_owned(),
        labels: [("instance", "services"), ("job", "ondol")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    }
}

fn scrape(replica: &Observed, engine: &Engine) -> Option<Scrape> {
    let (endpoint, expected) = match &replica.metrics {
        Metrics::Off => return None,
        Metrics::IfThere => (MetricsEndpoint::default(), false),
        Metrics::At(endpoint) => (endpoint.clone(), true),
    };
    let port = endpoint.port.or(replica.port)?;
    let (id, engine) = (replica.id.clone(), engine.clone());
    let dial = move || -> ondol_observe::Dialing {
        let (id, engine) = (id.clone(), engine.clone());
        Box::pin(async move { engine.dial(&id, port).await })
    };
    let job = format!("{}/{}", replica.id.project, replica.id.service);
    Some(Scrape {
        target: Target {
            key: format!("scrape/{}", replica.id),
            labels: labels(replica, job),
        },
        dial: Arc::new(dial),
        host: format!("{}:{port}", replica.host),
        path: endpoint.path,
        interval: endpoint.interval,
        expected,
    })
}
