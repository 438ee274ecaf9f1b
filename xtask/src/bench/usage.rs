//! What processes cost, as the kernel counts it.

use std::fs;

/// Proportional set size in MB: shared pages are divided among those who share them (proc(5), `smaps_rollup`).
pub(crate) fn pss_mb(pids: &[i32]) -> f64 {
    pids.iter()
        .filter_map(|pid| pss_kb(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?))
        .sum::<f64>()
        / 1024.0
}

/// Seconds on a CPU since they started, over all threads that live (`schedstat`, first field, nanoseconds).
pub(crate) fn cpu_seconds(pids: &[i32]) -> f64 {
    let threads = pids.iter().flat_map(|pid| {
        fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
    });
    let nanos = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
}

fn pss_kb(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_costs_something() {
        let me = [std::process::id().cast_signed()];
        assert!(pss_mb(&me) > 0.1);
        assert!(cpu_seconds(&me) > 0.0);
        assert_eq!(pss_mb(&[]), 0.0);
    }

    #[test]
    fn the_sum_is_read_and_its_parts_are_not() {
        assert_eq!(
            pss_kb("Rss: 9 kB\nPss:                1234 kB\nPss_Anon: 5 kB\n"),
            Some(1234.0)
        );
    }
}
