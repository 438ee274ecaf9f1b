//! On which ports replicas listen.

use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Observation, ReplicaId, RunId};
use tokio::time::{Instant, sleep_until};

use super::Inner;
use super::replicas::Known;
use crate::shim::wire::Said;

/// Looks come quickly after a start, then ever more slowly; each costs some 50 microseconds.
const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_secs(3);

/// When to look next, and what was seen last.
pub(super) struct Watch {
    next: Option<Instant>,
    pause: Duration,
    seen: Option<Vec<u16>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            next: None,
            pause: FIRST,
            seen: None,
        }
    }

    /// The process runs.
    pub(super) fn begin(&mut self) {
        self.next = Some(Instant::from_std(crate::clock::now()));
    }

    /// Waits for the moment of the next look.
    pub(super) async fn due(&self) {
        match self.next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Looks; `true` when the shim must be asked, which alone sees its replica's network.
    pub(super) async fn by_shim(&mut self, inner: &Arc<Inner>, id: &ReplicaId, run: RunId) -> bool {
        self.next = Some(Instant::from_std(crate::clock::now()) + self.pause);
        self.pause = (self.pause * 3 / 2).min(LAST);
        let running = inner.state().replicas.running(id, Some(run));
        let Some((known, pids)) = running else {
            return false;
        };
        if known
            .task
            .room
            .as_ref()
            .is_some_and(|room| room.network.is_some())
        {
            return true;
        }
        let tree = known.task.cgroup.as_ref().map(|plan| plan.processes());
        let look = move || crate::net::listening_of(pids.main, tree.unwrap_or_default());
        if let Ok(ports) = tokio::task::spawn_blocking(look).await {
            self.saw(inner, id, run, ports, Some(&known)).await;
        }
        false
    }

    /// The shim answered.
    pub(super) async fn heard(&mut self, inner: &Inner, id: &ReplicaId, run: RunId, answer: Said) {
        if let Said::Ports(Some(ports)) = answer {
            self.saw(inner, id, run, ports, None).await;
        }
    }

    async fn saw(
        &mut self,
        inner: &Inner,
        id: &ReplicaId,
        run: RunId,
        mut ports: Vec<u16>,
        known: Option<&Known>,
    ) {
        // A port that was moved is known to others by its old number.
        let moved = known.map(|known| &known.facts.moved_ports);
        for port in &mut ports {
            let old = moved.and_then(|moved| moved.iter().find(|(_, at)| at.port() == *port));
            *port = old.map_or(*port, |(old, _)| *old);
        }
        ports.sort_unstable();
        ports.dedup();
        let before = self.seen.replace(ports.clone());
        let changed = before
            .as_ref()
            .map_or(!ports.is_empty(), |before| *before != ports);
        if !changed {
            return;
        }
        // Something is going on: the next look comes soon.
        self.pause = FIRST;
        if let Some(&port) = ports.first() {
            inner.state().ports.entry(id.service_ref()).or_insert(port);
        }
        inner
            .observe(Observation::Listening {
                replica: id.clone(),
                run,
                ports,
            })
            .await;
    }
}
