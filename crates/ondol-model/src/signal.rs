//! What the proxy says of the requests that it carries.

mod access;
mod histogram;
mod reason;
mod red;
mod refusal;
mod rules;
mod trace;

use serde::{Deserialize, Serialize};

use crate::{ReplicaId, RunId};

pub use access::{Access, HttpVersion, Kept};
pub use histogram::Histogram;
pub use reason::{Local, Reason};
pub use red::{Origin, Red, RedKey};
pub use refusal::Refusal;
pub use rules::SignalRules;
pub use trace::{SpanId, TraceId};

/// What happened since the report before this one. Counters are complete whatever is dropped or not sampled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Which report it is.
    pub report: ReportId,
    /// Where it begins, in nanoseconds since 1970.
    pub from_unix_ns: u64,
    /// Where it ends. The span is a second, or more when nobody took the report.
    pub to_unix_ns: u64,
    /// Counters of all requests that ended in between.
    pub red: Vec<(RedKey, Red)>,
    /// What is on its way at the end of it, for every endpoint that is known.
    pub loads: Vec<Load>,
    /// The requests that are worth a record: all that failed or were slow, and a share of the others.
    pub records: Vec<Access>,
    /// Records that nobody took in time.
    pub records_dropped: u64,
    /// Requests that are in none of the counters, because there were too many of those already.
    pub rows_dropped: u64,
    /// Lines of access logs that could not be written in time.
    pub lines_dropped: u64,
}

/// Names a report. Of two of the same proxy the later one is greater; told again, it has the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportId {
    /// When the process of the proxy began, in nanoseconds since 1970.
    pub proxy: u64,
    /// The first of a process is 1, and each is one more than the one before.
    pub number: u64,
}

/// What one endpoint has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The replica.
    pub replica: ReplicaId,
    /// Which start of it.
    pub run: RunId,
    /// Requests and connections on their way to it.
    pub in_flight: u64,
}
