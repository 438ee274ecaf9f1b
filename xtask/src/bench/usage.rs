//! What processes cost, as the kernel counts it.

use std::fs;
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;

/// Proportional set size in MB: shared pages are divided among those who share them (proc(5), `smaps_rollup`).
pub(crate) fn pss_mb(pids: &[i32]) -> f64 {
    pids.iter()
        .filter_map(|pid| pss_kb(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?))
        .sum::<f64>()
        / 1024.0
}

/// Seconds on a CPU since they started, over all their threads, those that ended included (clock_getcpuclockid(3)).
pub(crate) fn cpu_seconds(pids: &[i32]) -> f64 {
    let of = |pid: &i32| {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(*pid)).ok()?;
        Some(Duration::from(clock.now().ok()?).as_secs_f64())
    };
    pids.iter().filter_map(of).sum()
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
    fn what_a_thread_cost_is_not_forgotten_when_it_ends() {
        let me = [std::process::id().cast_signed()];
        let before = cpu_seconds(&me);
        let spent = std::thread::spawn(|| {
            let me = ClockId::CLOCK_THREAD_CPUTIME_ID;
            let now = || Duration::from(me.now().unwrap());
            while now() < Duration::from_millis(20) {}
            now().as_secs_f64()
        });
        let spent = spent.join().unwrap();
        assert!(cpu_seconds(&me) - before >= spent);
    }

    #[test]
    fn the_sum_is_read_and_its_parts_are_not() {
        assert_eq!(
            pss_kb("Rss: 9 kB\nPss:                1234 kB\nPss_Anon: 5 kB\n"),
            Some(1234.0)
        );
    }
}
