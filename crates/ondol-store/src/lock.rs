use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::StoreError;

const PID_BYTES_MAX: u64 = 16;
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to use a state folder. The kernel gives it back when the process ends, however it ends;
/// the file holds the owner's process id, for the message that the next one gets.
#[derive(Debug)]
pub(crate) struct StateLock {
    _file: Flock<File>,
}

impl StateLock {
    /// Takes the lock of `dir`. A node that was killed while it started a process lives on in that one for a moment.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("node.lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::io(&path, source))?;
        let mut file = lock(file).map_err(|(file, errno)| match errno {
            Errno::EWOULDBLOCK => StoreError::Locked {
                dir: dir.to_path_buf(),
                pid: pid_in(file),
            },
            other => StoreError::io(&path, other.into()),
        })?;
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|source| StoreError::io(&path, source))?;
        Ok(StateLock { _file: file })
    }
}

fn lock(mut file: File) -> Result<Flock<File>, (File, Errno)> {
    for _ in 1..TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((again, Errno::EWOULDBLOCK)) => file = again,
            done => return done,
        }
        thread::sleep(PAUSE);
    }
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
}

fn pid_in(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
