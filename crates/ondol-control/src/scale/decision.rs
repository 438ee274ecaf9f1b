use ondol_model::Time;
use serde::{Deserialize, Serialize};

/// How a service is scaled, for those who ask why it has so many replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingView {
    /// Never fewer; with 0 it may sleep.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// None runs until somebody asks for it.
    pub asleep: bool,
    /// Somebody said how many, so that nothing is decided until that is taken back.
    pub pinned: bool,
    /// The last decision, also one to change nothing.
    pub last: Option<ScaleDecision>,
    /// The last ones that changed something, newest first.
    pub changes: Vec<ScaleDecision>,
}

/// How many replicas, and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleDecision {
    /// When.
    pub at: Time,
    /// Replicas that were wanted before.
    pub from: u32,
    /// Replicas that are wanted now.
    pub to: u32,
    /// What was looked at, in the file's order.
    pub figures: Vec<ScaleFigure>,
    /// What decided, in a sentence.
    pub why: String,
}

/// One metric in a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleFigure {
    /// Its key in the file; of a query, the query.
    pub name: String,
    /// What it was, for people; the average of the replicas where each has its own.
    pub saw: Option<String>,
    /// What it should be, for people.
    pub target: String,
    /// The same as `saw`, in its unit: cores, bytes, requests per second, seconds.
    pub value: Option<f64>,
    /// So many replicas would bring it to its target.
    pub wants: Option<u32>,
    /// Why it is not known.
    pub missing: Option<String>,
}
