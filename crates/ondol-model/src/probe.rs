use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The three probes of a service (the meaning is Kubernetes', "Liveness, Readiness, and Startup Probes").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// Until it has succeeded once, the others wait; its failure kills the replica.
    pub startup: Option<Probe>,
    /// Traffic goes to the replica only while it succeeds.
    pub ready: Option<Probe>,
    /// Its failure kills the replica.
    pub live: Option<Probe>,
}

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// See [`Probes::startup`].
    Startup,
    /// See [`Probes::ready`].
    Ready,
    /// See [`Probes::live`].
    Live,
}

/// One probe: what is asked, how often, and how many answers decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// Time between two checks (Compose: 30 s).
    pub interval: Duration,
    /// Time between two checks until the first success or the end of `start_period`.
    pub start_interval: Duration,
    /// Failures in this time after the start do not count.
    pub start_period: Duration,
    /// A check that takes longer has failed (Compose: 30 s).
    pub timeout: Duration,
    /// Failures in a row that make it failed (Compose's `retries`: 3).
    pub failures_max: u32,
    /// Successes in a row that make it succeed.
    pub successes_min: u32,
}

impl Probe {
    /// A probe that asks `check` at Compose's default pace, and every 100 ms while starting.
    pub fn new(check: Check) -> Self {
        Probe {
            check,
            interval: Duration::from_secs(30),
            start_interval: Duration::from_millis(100),
            start_period: Duration::ZERO,
            timeout: Duration::from_secs(30),
            failures_max: 3,
            successes_min: 1,
        }
    }
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A GET that must answer with a status from 200 to 399.
    Http(HttpCheck),
    /// A connection that must be accepted.
    Tcp {
        /// Port of the replica; `None` is its first.
        port: Option<u16>,
    },
    /// A program inside the replica that must exit with 0 (Compose `CMD` / `CMD-SHELL`).
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// A line of the replica's output that must contain this text.
    LogLine {
        /// The text.
        contains: String,
    },
}

/// An HTTP check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Path and query.
    pub path: String,
    /// Port of the replica; `None` is its first.
    pub port: Option<u16>,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
}

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// Whether it counts as a success.
    pub ok: bool,
    /// What was asked and answered, for people: `GET /health 503`, `connection refused`, `exit 2: no such table`.
    pub saw: String,
}
