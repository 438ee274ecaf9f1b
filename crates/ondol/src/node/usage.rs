//! What replicas take just now.

use std::time::Duration;

use ondol_api::{NodeState, Usage};
use ondol_model::{ProjectName, ReplicaId};
use ondol_runtime::Engine;

/// CPU is measured over this time.
const WINDOW: Duration = Duration::from_millis(250);

/// One entry for each replica of the project that runs.
pub(crate) async fn of(state: &NodeState, project: &ProjectName, engine: &Engine) -> Vec<Usage> {
    let services = state
        .projects
        .get(project)
        .into_iter()
        .flat_map(|state| &state.services);
    let replicas = services
        .flat_map(|service| &service.replicas)
        .filter(|replica| replica.pid.is_some());
    let mut before = Vec::new();
    for replica in replicas {
        let id = ReplicaId {
            project: project.clone(),
            service: replica.service.clone(),
            number: replica.number,
        };
        before.extend(
            engine
                .stats(&id)
                .await
                .map(|stats| (replica.name.clone(), id, stats)),
        );
    }
    tokio::time::sleep(WINDOW).await;
    let mut all = Vec::with_capacity(before.len());
    for (name, id, then) in before {
        let Some(now) = engine.stats(&id).await else {
            continue;
        };
        let used_ns = u128::from(now.cpu_ns.saturating_sub(then.cpu_ns));
        all.push(Usage {
            replica: name,
            cpu_milli: u32::try_from(used_ns * 1_000 / WINDOW.as_nanos()).unwrap_or(u32::MAX),
            memory_bytes: now.memory_bytes,
            memory_limit_bytes: now.memory_bytes_max,
            pids: now.pids,
        });
    }
    all
}
