//! What replicas use and how services are, as pages of metrics.

use std::sync::Arc;

use ondol_api::ProjectState;
use ondol_runtime::Stats;
use ondol_telemetry::{Format, Kind, Page};

/// What one replica uses; whose it is, its target says.
pub(super) fn page(stats: &Stats, restarts: u32) -> String {
    let mut page = Page::new(Format::Text);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let counters = [
        (
            "ondol_replica_cpu_seconds",
            "CPU time.",
            seconds(stats.cpu_ns),
        ),
        (
            "ondol_replica_cpu_throttled_seconds",
            "Time in which it waited because its share of the CPU was used up.",
            seconds(stats.throttled_ns),
        ),
        (
            "ondol_replica_oom_kills",
            "Processes that the kernel killed for want of memory.",
            stats.oom_kills as f64,
        ),
        (
            "ondol_replica_read_bytes",
            "Read from disks by processes that run.",
            stats.read_bytes as f64,
        ),
        (
            "ondol_replica_written_bytes",
            "Written to disks by processes that run.",
            stats.written_bytes as f64,
        ),
        (
            "ondol_replica_restarts",
            "How often it was started again because it ended.",
            f64::from(restarts),
        ),
    ];
    let (received, sent) = stats.network_bytes.unwrap_or_default();
    let network = [
        (
            "ondol_replica_network_receive_bytes",
            "Received.",
            received as f64,
        ),
        ("ondol_replica_network_transmit_bytes", "Sent.", sent as f64),
    ];
    let network = network
        .into_iter()
        .filter(|_| stats.network_bytes.is_some());
    for (name, help, value) in counters.into_iter().chain(network) {
        page.family(name, Kind::Counter, help);
        page.sample(&format!("{name}_total"), &[], value);
    }
    let limit = stats.memory_bytes_max.map(|bytes| {
        (
            "ondol_replica_memory_limit_bytes",
            "Memory that it may take.",
            bytes as f64,
        )
    });
    let gauges = [
        (
            "ondol_replica_memory_bytes",
            "Memory, without file caches that can be dropped at once.",
            stats.memory_bytes as f64,
        ),
        (
            "ondol_replica_processes",
            "Processes and threads.",
            f64::from(stats.pids),
        ),
        (
            "ondol_replica_open_files",
            "Open files and sockets of its processes.",
            f64::from(stats.open_files),
        ),
    ];
    for (name, help, value) in gauges.into_iter().chain(limit) {
        page.family(name, Kind::Gauge, help);
        page.sample(name, &[], value);
    }
    page.finish()
}

/// How many replicas of each service are wanted and ready.
pub(super) fn summary<'a>(projects: impl Iterator<Item = &'a Arc<ProjectState>> + Clone) -> String {
    let mut page = Page::new(Format::Text);
    for (name, help) in [
        ("ondol_service_replicas_wanted", "Replicas that are wanted."),
        (
            "ondol_service_replicas_ready",
            "Replicas that may be sent traffic.",
        ),
    ] {
        page.family(name, Kind::Gauge, help);
        for project in projects.clone() {
            for service in &project.services {
                let labels = [
                    ("project", project.name.as_str()),
                    ("service", service.name.as_str()),
                ];
                let count = match name {
                    "ondol_service_replicas_ready" => service.ready,
                    _ => service.wanted,
                };
                page.sample(name, &labels, f64::from(count));
            }
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_without_a_network_of_its_own_says_nothing_about_one() {
        let mut stats = Stats {
            cpu_ns: 1_500_000_000,
            ..Stats::default()
        };
        let said = page(&stats, 2);
        assert!(
            said.contains("\nondol_replica_cpu_seconds_total 1.5\n"),
            "{said}"
        );
        assert!(said.contains("\nondol_replica_restarts_total 2\n"));
        assert!(!said.contains("network") && !said.contains("limit"));
        stats.network_bytes = Some((7, 9));
        stats.memory_bytes_max = Some(64);
        let said = page(&stats, 0);
        assert!(said.contains("\nondol_replica_network_transmit_bytes_total 9\n"));
        assert!(said.contains("\nondol_replica_memory_limit_bytes 64\n"));
    }
}
