//! This process, under the names that Prometheus' client libraries have made known.

use std::fs;
use std::path::Path;

use ondol_telemetry::{Kind, Page};

use super::{gauge, read};

const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) fn describe(page: &mut Page) {
    let own = Path::new("/proc/self");
    let stat = read(&own.join("stat"));
    // The name, in parentheses, may hold blanks; columns are counted from behind it (proc_pid_stat(5)).
    let columns = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let columns: Vec<f64> = (columns.split_ascii_whitespace())
        .map(|column| column.parse().unwrap_or_default())
        .collect();
    let column = |number: usize| columns.get(number - 3).copied().unwrap_or_default();
    page.family(
        "process_cpu_seconds",
        Kind::Counter,
        "CPU time of this process.",
    );
    let cpu = (column(14) + column(15)) / TICKS_PER_SECOND;
    page.sample("process_cpu_seconds_total", &[], cpu);
    gauge(page, "process_threads", "Its threads.", column(20));
    let status = read(&own.join("status"));
    let resident = status.lines().find_map(|line| {
        let kilobytes = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
        kilobytes.parse::<f64>().ok()
    });
    let name = "process_resident_memory_bytes";
    gauge(
        page,
        name,
        "Its memory.",
        resident.unwrap_or_default() * 1024.0,
    );
    let open = fs::read_dir(own.join("fd")).map_or(0, Iterator::count);
    gauge(page, "process_open_fds", "Its open files.", open as f64);
}
