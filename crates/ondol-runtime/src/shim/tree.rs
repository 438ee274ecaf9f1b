use std::collections::BTreeSet;
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::cgroup::{Limits, Plan};

/// How long to wait for killed processes: one may be waited for by somebody else (`ondol exec`), or hang in the kernel.
const WAIT_MS: u64 = 500;

/// Ends everything that this shim is an ancestor of, or that is in its control group. Returns what the
/// kernel says of `main`, when it was still running.
pub(super) fn end(
    room: Option<Pid>,
    cgroup: Option<&Plan>,
    main: Option<Pid>,
) -> Option<WaitStatus> {
    if let (None, Some(plan)) = (room, cgroup) {
        // Who may not fork cannot outrun being killed.
        let _ = plan.apply(&Limits {
            pids: Some(1),
            ..Limits::default()
        });
    }
    let mut last_word = None;
    for round in 0..WAIT_MS {
        // The end of a process namespace's first process is the end of them all.
        match room {
            Some(room) => drop(kill(room, Signal::SIGKILL)),
            None => kill_all(cgroup),
        }
        match reap(main, &mut last_word) {
            Reaped::Nobody if cgroup.is_none_or(|plan| plan.processes().is_empty()) => break,
            Reaped::Some => continue,
            _ => std::thread::sleep(std::time::Duration::from_micros(if round < 20 {
                50
            } else {
                1000
            })),
        }
    }
    last_word
}

enum Reaped {
    Some,
    NoneYet,
    Nobody,
}

fn reap(main: Option<Pid>, last_word: &mut Option<WaitStatus>) -> Reaped {
    let mut reaped = Reaped::NoneYet;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return reaped,
            Ok(status) => {
                if status.pid().is_some() && status.pid() == main {
                    *last_word = Some(status);
                }
                reaped = Reaped::Some;
            }
            Err(Errno::EINTR) => {}
            Err(_) => return Reaped::Nobody,
        }
    }
}

fn kill_all(cgroup: Option<&Plan>) {
    let mut processes: BTreeSet<i32> = cgroup.map(Plan::processes).into_iter().flatten().collect();
    descendants(std::process::id() as i32, &mut processes);
    for pid in processes {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn descendants(of: i32, found: &mut BTreeSet<i32>) {
    let path = format!("/proc/{of}/task/{of}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    for pid in text.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        if found.insert(pid) {
            descendants(pid, found);
        }
    }
}
