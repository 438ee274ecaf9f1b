use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::{EndpointStatus, ListenerStatus, Refusal, ServiceStatus, Status};

/// What one worker did.
#[derive(Default)]
pub(crate) struct Report {
    pub listeners: Vec<ListenerStatus>,
    pub services: Vec<ServiceStatus>,
}

/// The sum of what all workers did.
pub(crate) async fn merge_status(snapshot: u64, reports: Vec<oneshot::Receiver<Report>>) -> Status {
    let mut listeners = BTreeMap::new();
    let mut services = BTreeMap::new();
    for report in reports {
        // A worker that quits meanwhile has nothing to say.
        let report = report.await.unwrap_or_default();
        for status in report.listeners {
            merge(&mut listeners, status.id, status, add_listener);
        }
        for status in report.services {
            merge(&mut services, status.service.clone(), status, add_service);
        }
    }
    Status {
        pid: std::process::id(),
        snapshot,
        listeners: listeners.into_values().collect(),
        services: services.into_values().collect(),
        ..Status::default()
    }
}

fn merge<K: Ord, V>(all: &mut BTreeMap<K, V>, key: K, value: V, add: fn(&mut V, V)) {
    match all.get_mut(&key) {
        Some(sum) => add(sum, value),
        None => {
            all.insert(key, value);
        }
    }
}

fn add_listener(sum: &mut ListenerStatus, other: ListenerStatus) {
    sum.accepted += other.accepted;
    sum.open += other.open;
    add_refused(&mut sum.refused, other.refused);
}

fn add_service(sum: &mut ServiceStatus, other: ServiceStatus) {
    sum.waiting += other.waiting;
    // Places are shared by all workers, and each of them sees the whole queue.
    sum.queued = sum.queued.max(other.queued);
    add_refused(&mut sum.refused, other.refused);
    for endpoint in other.endpoints {
        let same = |known: &&mut EndpointStatus| {
            (&known.replica, known.run) == (&endpoint.replica, endpoint.run)
        };
        match sum.endpoints.iter_mut().find(same) {
            Some(known) => add_endpoint(known, &endpoint),
            None => sum.endpoints.push(endpoint),
        }
    }
}

fn add_endpoint(sum: &mut EndpointStatus, other: &EndpointStatus) {
    sum.requests += other.requests;
    sum.errors += other.errors;
    sum.in_flight += other.in_flight;
    sum.bytes_in += other.bytes_in;
    sum.bytes_out += other.bytes_out;
    sum.latency_ms = sum.latency_ms.max(other.latency_ms);
    sum.ejected |= other.ejected;
}

fn add_refused(sum: &mut BTreeMap<Refusal, u64>, other: BTreeMap<Refusal, u64>) {
    for (refusal, count) in other {
        *sum.entry(refusal).or_default() += count;
    }
}
