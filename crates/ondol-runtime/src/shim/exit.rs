use std::fs;
use std::io;
use std::path::Path;

use nix::sys::wait::WaitStatus;
use ondol_model::{Exit, RunId};
use serde::{Deserialize, Serialize};

/// Name of the file that says how a run ended.
pub(crate) const FILE: &str = "exit";

#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    run: RunId,
    exit: Exit,
}

/// Leaves the exit for a node that is not there now; appears whole or not at all.
pub(super) fn write(run: RunId, exit: &Exit) -> io::Result<()> {
    let text = serde_json::to_vec(&Ended {
        run,
        exit: exit.clone(),
    })?;
    fs::write("exit.tmp", text)?;
    fs::rename("exit.tmp", FILE)
}

/// How `run` ended, when its shim left word of it.
pub(crate) fn read(dir: &Path, run: RunId) -> Option<Exit> {
    let text = fs::read(dir.join(FILE)).ok()?;
    let ended: Ended = serde_json::from_slice(&text).ok()?;
    (ended.run == run).then_some(ended.exit)
}

/// What the kernel's word means. `oom_killed`: it killed something in the replica for want of memory.
/// A shell that ran the killed process answers 137, which counts as well.
pub(super) fn meaning(status: WaitStatus, oom_killed: bool) -> Option<Exit> {
    let exit = match status {
        WaitStatus::Exited(_, code) => Exit::Code(code),
        WaitStatus::Signaled(_, signal, _) => Exit::Signal(signal as i32),
        _ => return None,
    };
    let by_kill = matches!(exit, Exit::Signal(9) | Exit::Code(137));
    Some(if oom_killed && by_kill {
        Exit::OutOfMemory
    } else {
        exit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;
    use nix::unistd::Pid;

    #[test]
    fn only_a_kill_after_an_oom_is_out_of_memory() {
        let one = Pid::from_raw(1);
        let killed = WaitStatus::Signaled(one, Signal::SIGKILL, false);
        assert_eq!(meaning(killed, true), Some(Exit::OutOfMemory));
        assert_eq!(meaning(killed, false), Some(Exit::Signal(9)));
        let shell = WaitStatus::Exited(one, 137);
        assert_eq!(meaning(shell, true), Some(Exit::OutOfMemory));
        assert_eq!(
            meaning(WaitStatus::Exited(one, 1), true),
            Some(Exit::Code(1))
        );
        assert_eq!(meaning(WaitStatus::StillAlive, false), None);
    }
}
