//! Control groups of both versions: limits, what is used, and who is inside.

mod find;
mod processes;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ondol_model::Resources;
use serde::{Deserialize, Serialize};

pub(crate) use find::{Ground, find};

/// The groups of one replica and their limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    pub(crate) limits: Limits,
}

/// One folder of the cgroup file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) dir: PathBuf,
}

/// What a folder controls: version 1 has one per controller, version 2 one for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    V1Cpu,
    V1CpuAcct,
    V1Memory,
    V1Pids,
    V2,
}

/// What a replica may take at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Thousandths of a core.
    pub cpu_milli: Option<u32>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl From<&Resources> for Limits {
    fn from(resources: &Resources) -> Self {
        Limits {
            cpu_milli: resources.cpu_limit_milli,
            memory_bytes: resources.memory_limit.map(|bytes| bytes.0),
            pids: resources.pids_limit,
        }
    }
}

/// What a replica uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// CPU time since it started.
    pub cpu_ns: u64,
    /// Memory, without file caches that the kernel can drop at once.
    pub memory_bytes: u64,
    /// Its limit, when it has one.
    pub memory_bytes_max: Option<u64>,
    /// Processes and threads.
    pub pids: u32,
    /// Time in which it had to wait because its share of the CPU was used up.
    #[serde(default)]
    pub throttled_ns: u64,
    /// How often the kernel killed something inside for want of memory.
    #[serde(default)]
    pub oom_kills: u64,
    /// What its processes have read from disks and written to them, those that have ended left out.
    #[serde(default)]
    pub read_bytes: u64,
    /// See `read_bytes`.
    #[serde(default)]
    pub written_bytes: u64,
    /// Files and sockets that its processes have open.
    #[serde(default)]
    pub open_files: u32,
    /// What it has received and sent; `None` without a network of its own.
    #[serde(default)]
    pub network_bytes: Option<(u64, u64)>,
}

const CPU_PERIOD_US: u64 = 100_000;

impl Plan {
    /// Makes the groups. What could not be done is said for people; the replica starts all the same.
    pub(crate) fn make(&self) -> Vec<String> {
        let mut failed = Vec::new();
        for group in &self.groups {
            if let Err(error) = fs::create_dir_all(&group.dir) {
                failed.push(format!("{}: {error}", group.dir.display()));
            }
        }
        failed.extend(self.apply(&self.limits));
        failed
    }

    /// Sets limits, of a running replica too.
    pub(crate) fn apply(&self, limits: &Limits) -> Vec<String> {
        let mut failed = Vec::new();
        for group in &self.groups {
            for (file, value) in settings(group.kind, limits) {
                if let Err(error) = write(&group.dir.join(file), &value) {
                    failed.push(format!("{file} = {value}: {error}"));
                }
            }
        }
        failed
    }

    /// Moves the calling process inside, so that all it starts is inside from its first moment.
    pub(crate) fn join(&self) -> io::Result<()> {
        self.groups
            .iter()
            .try_for_each(|group| write(&group.dir.join("cgroup.procs"), "0"))
    }

    /// The processes inside.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let Some(group) = self.groups.first() else {
            return Vec::new();
        };
        let text = fs::read_to_string(group.dir.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// How often the kernel killed something inside for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = |group: &Group| match group.kind {
            Kind::V1Memory => Some(group.dir.join("memory.oom_control")),
            Kind::V2 => Some(group.dir.join("memory.events")),
            _ => None,
        };
        self.groups
            .iter()
            .filter_map(file)
            .find_map(|path| keyed(&path, "oom_kill"))
            .unwrap_or(0)
    }

    /// What is used now.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            memory_bytes_max: self.limits.memory_bytes,
            ..Stats::default()
        };
        for group in &self.groups {
            let at = |file: &str| group.dir.join(file);
            match group.kind {
                Kind::V1Cpu => {
                    stats.throttled_ns = keyed(&at("cpu.stat"), "throttled_time").unwrap_or(0);
                }
                Kind::V1CpuAcct => stats.cpu_ns = number(&at("cpuacct.usage")),
                Kind::V1Memory => {
                    let cache = keyed(&at("memory.stat"), "total_inactive_file").unwrap_or(0);
                    stats.memory_bytes = number(&at("memory.usage_in_bytes")).saturating_sub(cache);
                }
                Kind::V1Pids => stats.pids = clamp(number(&at("pids.current"))),
                Kind::V2 => {
                    let cache = keyed(&at("memory.stat"), "inactive_file").unwrap_or(0);
                    stats.memory_bytes = number(&at("memory.current")).saturating_sub(cache);
                    let cpu_us = |key| keyed(&at("cpu.stat"), key).unwrap_or(0);
                    stats.cpu_ns = cpu_us("usage_usec") * 1000;
                    stats.throttled_ns = cpu_us("throttled_usec") * 1000;
                    stats.pids = clamp(number(&at("pids.current")));
                }
            }
        }
        stats.oom_kills = self.oom_kills();
        let used = processes::used(&self.processes());
        (stats.read_bytes, stats.written_bytes) = (used.read_bytes, used.written_bytes);
        stats.open_files = used.open_files;
        stats
    }

    /// What has come and gone through the network of the processes inside, the loopback left out.
    pub(crate) fn network_bytes(&self) -> Option<(u64, u64)> {
        self.processes().into_iter().find_map(processes::network)
    }

    /// Removes the groups; they must be empty.
    pub(crate) fn remove(&self) {
        for group in &self.groups {
            let _ = fs::remove_dir(&group.dir);
        }
    }
}

fn settings(kind: Kind, limits: &Limits) -> Vec<(&'static str, String)> {
    let quota = limits
        .cpu_milli
        .map(|milli| (u64::from(milli) * CPU_PERIOD_US / 1000).max(1000));
    let mut settings = Vec::new();
    match kind {
        Kind::V1Cpu => {
            if let Some(quota) = quota {
                settings.push(("cpu.cfs_period_us", CPU_PERIOD_US.to_string()));
                settings.push(("cpu.cfs_quota_us", quota.to_string()));
            }
        }
        Kind::V1CpuAcct => {}
        Kind::V1Memory => {
            if let Some(bytes) = limits.memory_bytes {
                settings.push(("memory.limit_in_bytes", bytes.to_string()));
            }
        }
        Kind::V1Pids => {
            if let Some(pids) = limits.pids {
                settings.push(("pids.max", pids.to_string()));
            }
        }
        Kind::V2 => {
            if let Some(quota) = quota {
                settings.push(("cpu.max", format!("{quota} {CPU_PERIOD_US}")));
            }
            if let Some(bytes) = limits.memory_bytes {
                settings.push(("memory.max", bytes.to_string()));
            }
            if let Some(pids) = limits.pids {
                settings.push(("pids.max", pids.to_string()));
            }
        }
    }
    settings
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    use std::io::Write as _;
    fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

fn number(path: &Path) -> u64 {
    fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// The number after `key` in a file of `key number` lines.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
