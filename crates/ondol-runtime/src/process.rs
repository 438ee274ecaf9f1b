//! Processes that are not children of this one, known by id *and* start time: an id alone is nobody.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Looks at a process that cannot be waited for.
const LOOK: Duration = Duration::from_millis(500);

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// In ticks since the machine started.
    started: u64,
}

impl Process {
    /// The one that has this id now.
    pub(crate) fn of(pid: i32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let started = started(&stat)?;
        Some(Process { pid, started })
    }

    /// Whether it still runs; one that nobody has waited for does.
    pub(crate) fn lives(&self) -> bool {
        Process::of(self.pid).as_ref() == Some(self)
    }

    /// Returns when it has ended. Call inside a tokio runtime.
    pub(crate) async fn ended(&self) {
        match self.handle().and_then(crate::sys::watch) {
            Ok(handle) => drop(handle.readable().await),
            // No descriptor is left on this machine, or it has ended already.
            Err(_) => {
                while self.lives() {
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        if self.lives() {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }

    fn handle(&self) -> io::Result<OwnedFd> {
        let handle = crate::sys::process_handle(self.pid)?;
        // Opened first and looked at then: what it is about cannot change any more.
        match self.lives() {
            true => Ok(handle),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Waits for a child when it has ended, whoever gives up meanwhile. Call inside a tokio runtime.
pub(crate) fn reap(mut child: Child) {
    let process = Process::of(child.id().cast_signed());
    tokio::spawn(async move {
        if let Some(process) = process {
            process.ended().await;
        }
        let _ = child.wait();
    });
}

/// Field 22; the name before it may have spaces and brackets (proc_pid_stat(5)).
fn started(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 10";
        assert_eq!(started(stat), Some(4711));
    }

    #[tokio::test]
    async fn the_end_is_noticed_and_another_process_of_that_id_is_somebody_else() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process::of(child.id().cast_signed()).unwrap();
        assert!(process.lives());
        let other = Process {
            started: process.started + 1,
            ..process
        };
        assert!(!other.lives());
        other.kill();
        other.ended().await;
        assert!(process.lives());
        process.kill();
        process.ended().await;
        child.wait().unwrap();
        assert!(!process.lives());
    }
}
