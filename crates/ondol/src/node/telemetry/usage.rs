//! What replicas use and how services are, as pages of metrics.

use std::sync::Arc;

use ondol_api::ProjectState;
use ondol_runtime::Stats;
use ondol_telemetry::{Format, Kind, Page};

/// What one replica uses; whose it is, its target says.
pub(super) fn page(stats: &Stats, restarts: u32) -> String {
    let mut page = Page::new(Format::Text);
    for (name, help, value) in counters(stats, restarts) {
        let name = format!("ondol_replica_{name}");
        page.family(&name, Kind::Counter, help);
        page.sample(&format!("{name}_total"), &[], value);
    }
    for (name, help, value) in gauges(stats) {
        let name = format!("ondol_replica_{name}");
        page.family(&name, Kind::Gauge, help);
        page.sample(&name, &[], value);
    }
    page.finish()
}

/// Name, what it is, value.
type Row = (&'static str, &'static str, f64);

fn counters(stats: &Stats, restarts: u32) -> Vec<Row> {
    const THROTTLED: &str = "Time in which it waited because its share of the CPU was used up.";
    const OOM_KILLS: &str = "Processes that the kernel killed for want of memory.";
    const READ: &str = "Read from disks by processes that run.";
    const WRITTEN: &str = "Written to disks by processes that run.";
    const RESTARTS: &str = "How often it was started again because it ended.";
    let seconds = |ns: u64| ns as f64 / 1e9;
    let mut rows = vec![
        ("cpu_seconds", "CPU time.", seconds(stats.cpu_ns)),
        (
            "cpu_throttled_seconds",
            THROTTLED,
            seconds(stats.throttled_ns),
        ),
        ("oom_kills", OOM_KILLS, stats.oom_kills as f64),
        ("read_bytes", READ, stats.read_bytes as f64),
        ("written_bytes", WRITTEN, stats.written_bytes as f64),
        ("restarts", RESTARTS, f64::from(restarts)),
    ];
    if let Some((received, sent)) = stats.network_bytes {
        rows.push(("network_receive_bytes", "Received.", received as f64));
        rows.push(("network_transmit_bytes", "Sent.", sent as f64));
    }
    rows
}

fn gauges(stats: &Stats) -> Vec<Row> {
    const MEMORY: &str = "Memory, without file caches that can be dropped at once.";
    const OPEN_FILES: &str = "Open files and sockets of its processes.";
    let mut rows = vec![
        ("memory_bytes", MEMORY, stats.memory_bytes as f64),
        ("processes", "Processes and threads.", f64::from(stats.pids)),
        ("open_files", OPEN_FILES, f64::from(stats.open_files)),
    ];
    if let Some(bytes) = stats.memory_bytes_max {
        rows.push((
            "memory_limit_bytes",
            "Memory that it may take.",
            bytes as f64,
        ));
    }
    rows
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
