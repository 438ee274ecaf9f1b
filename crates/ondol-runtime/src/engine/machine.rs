use std::fs;

use ondol_model::{Bytes, Capacity};

/// Cores and memory, less where this process's own control group allows less.
pub(super) fn capacity() -> Capacity {
    // std asks for affinity and the CPU quota of cgroups v1 and v2.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let total = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_kib(&text))
        .map_or(0, |kib| kib << 10);
    let allowed = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .into_iter()
    .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok())
    .min()
    .unwrap_or(u64::MAX);
    Capacity {
        cpu_milli: u32::try_from(cores * 1000).unwrap_or(u32::MAX),
        memory: Bytes(total.min(allowed)),
    }
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
