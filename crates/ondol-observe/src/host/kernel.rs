//! `/proc/stat`, `/proc/loadavg` and `/proc/uptime`.

use std::path::Path;

use ondol_telemetry::{Kind, Page};

use super::{gauge, read};

/// Ticks of the clock that `/proc` counts in: `USER_HZ`, a hundred a second on every Linux that there is.
const TICKS_PER_SECOND: f64 = 100.0;
/// The columns of `/proc/stat` (proc_stat(5)); time for guests is in `user` already.
const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];

pub(super) fn describe(page: &mut Page, proc: &Path) {
    let stat = read(&proc.join("stat"));
    cpu(page, &stat);
    for (line, name, kind, help) in [
        (
            "btime",
            "node_boot_time_seconds",
            Kind::Gauge,
            "When the machine was started.",
        ),
        (
            "ctxt",
            "node_context_switches",
            Kind::Counter,
            "Context switches.",
        ),
        (
            "processes",
            "node_forks",
            Kind::Counter,
            "Processes that were started.",
        ),
        (
            "procs_running",
            "node_procs_running",
            Kind::Gauge,
            "Processes that run.",
        ),
        (
            "procs_blocked",
            "node_procs_blocked",
            Kind::Gauge,
            "Processes that wait for a disk.",
        ),
    ] {
        let Some(value) = numbered(&stat, line) else {
            continue;
        };
        page.family(name, kind, help);
        match kind {
            Kind::Counter => page.sample(&format!("{name}_total"), &[], value),
            _ => page.sample(name, &[], value),
        }
    }
    let load = read(&proc.join("loadavg"));
    for (name, minutes, value) in [
        ("node_load1", "1", load.split(' ').next()),
        ("node_load5", "5", load.split(' ').nth(1)),
        ("node_load15", "15", load.split(' ').nth(2)),
    ] {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            gauge(page, name, &format!("Load over {minutes} min."), value);
        }
    }
}

fn cpu(page: &mut Page, stat: &str) {
    page.family(
        "node_cpu_seconds",
        Kind::Counter,
        "Time of each core, by what it was used for.",
    );
    let cores = stat.lines().filter_map(|line| line.strip_prefix("cpu"));
    // The line without a number is the sum of the others.
    for (core, ticks) in cores.filter_map(|line| line.split_once(' ')) {
        if core.is_empty() {
            continue;
        }
        for (mode, ticks) in MODES.iter().zip(ticks.split_ascii_whitespace()) {
            if let Ok(ticks) = ticks.parse::<f64>() {
                let labels = [("cpu", core), ("mode", *mode)];
                page.sample("node_cpu_seconds_total", &labels, ticks / TICKS_PER_SECOND);
            }
        }
    }
}

fn numbered(stat: &str, name: &str) -> Option<f64> {
    stat.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ondol_telemetry::Format;

    #[test]
    fn cores_are_counted_apart_and_their_sum_is_left_out() {
        let mut page = Page::new(Format::Text);
        cpu(
            &mut page,
            "cpu  30 0 0 7\ncpu0 10 0 5 7 0 0 0 0 0 0\nbtime 12\n",
        );
        let page = page.finish();
        assert!(
            page.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 0.1\n"),
            "{page}"
        );
        assert!(page.contains("{cpu=\"0\",mode=\"idle\"} 0.07\n"));
        assert_eq!(page.lines().count(), 2 + 8);
    }
}
