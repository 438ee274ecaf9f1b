use std::fmt;

use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal, by number.
    Signal(i32),
    /// The kernel ended it because its memory limit was reached.
    OutOfMemory,
    /// It could not be started: the reason, for people.
    NotStarted(String),
    /// Its shim is gone and left no word; the process is gone too.
    Lost,
}

impl Exit {
    /// It did what it was started for.
    pub fn is_success(&self) -> bool {
        matches!(self, Exit::Code(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit {code}"),
            Exit::Signal(9) => f.write_str("killed (SIGKILL)"),
            Exit::Signal(11) => f.write_str("crashed (SIGSEGV)"),
            Exit::Signal(6) => f.write_str("aborted (SIGABRT)"),
            Exit::Signal(15) => f.write_str("terminated (SIGTERM)"),
            Exit::Signal(number) => write!(f, "ended by signal {number}"),
            Exit::OutOfMemory => f.write_str("out of memory: its limit was reached"),
            Exit::NotStarted(why) => write!(f, "not started: {why}"),
            Exit::Lost => f.write_str("lost: ended while nobody watched"),
        }
    }
}

/// Where a replica is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Does not fit on the machine now.
    Pending,
    /// Waits for dependencies.
    Waiting,
    /// Its packages, sources and dependencies are being made available.
    Preparing,
    /// Its process is being started, or runs and has not been ready yet.
    Starting,
    /// It is sent traffic.
    Ready,
    /// It runs and has been ready, but its readiness probe fails.
    Unready,
    /// It ended and is started again after a pause.
    Backoff,
    /// No new traffic; what is in flight finishes.
    Draining,
    /// Told to end.
    Stopping,
    /// It ended and is not started again: done, given up, or stopped on request.
    Ended,
}

impl Phase {
    /// The word shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Pending => "pending",
            Phase::Waiting => "waiting",
            Phase::Preparing => "preparing",
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Unready => "unready",
            Phase::Backoff => "backoff",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
            Phase::Ended => "ended",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
