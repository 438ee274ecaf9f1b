//! Processes that a replica left behind when its shim was killed: found by their control group, and by the
//! variable that everything started for a replica has in its environment.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ondol_model::ReplicaId;

use crate::cgroup::Plan;

/// The variable that names the replica; services may read it.
pub(crate) const REPLICA: &str = "ONDOL_REPLICA";
/// The variable that names the node: another one may have a replica of the same name.
pub(crate) const NODE: &str = "ONDOL_NODE";

const ROUNDS_MAX: u32 = 50;

/// Ends them all, and removes the control group.
pub(crate) fn end(node: &str, replica: &ReplicaId, plan: Option<&Plan>) {
    let marks = [format!("{NODE}={node}"), format!("{REPLICA}={replica}")];
    for _ in 0..ROUNDS_MAX {
        let mut found: BTreeSet<i32> = plan.map(Plan::processes).into_iter().flatten().collect();
        found.extend(marked(&marks));
        if found.is_empty() {
            break;
        }
        for pid in found {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if let Some(plan) = plan {
        plan.remove();
    }
}

fn marked(marks: &[String]) -> Vec<i32> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&pid| pid != own)
        .filter(|pid| {
            let env = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |mark: &String| {
                env.split(|&byte| byte == 0)
                    .any(|var| var == mark.as_bytes())
            };
            marks.iter().all(has)
        })
        .filter_map(|pid| i32::try_from(pid).ok())
        .collect()
}
