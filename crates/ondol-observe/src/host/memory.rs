//! `/proc/meminfo`.

use ondol_telemetry::Page;

use super::gauge;

/// The lines of it that boards and alerts ask for.
const KEPT: [&str; 10] = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SReclaimable",
    "Shmem",
    "SwapTotal",
    "SwapFree",
    "Dirty",
];

pub(super) fn describe(page: &mut Page, meminfo: &str) {
    for line in meminfo.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let kilobytes = value.trim().trim_end_matches(" kB").parse::<f64>();
        if let (true, Ok(kilobytes)) = (KEPT.contains(&name), kilobytes) {
            let metric = format!("node_memory_{name}_bytes");
            gauge(
                page,
                &metric,
                "A line of /proc/meminfo.",
                kilobytes * 1024.0,
            );
        }
    }
}
