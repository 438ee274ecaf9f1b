use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the load of a service decides how many replicas it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScalingState {
    /// Never fewer; with 0 it may sleep.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// None runs until somebody asks for it.
    pub asleep: bool,
    /// Somebody said how many, so that nothing is decided until that is taken back.
    pub pinned: bool,
    /// The last decision, also one to change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ScaleDecisionState>,
    /// The last ones that changed something, newest first; an earlier node's are in the events.
    pub changes: Vec<ScaleDecisionState>,
}

/// How many replicas, and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScaleDecisionState {
    /// When.
    pub at_unix_ms: u64,
    /// Replicas that were wanted before.
    pub from: u32,
    /// Replicas that were wanted from then on.
    pub to: u32,
    /// What was looked at.
    pub figures: Vec<ScaleFigureState>,
    /// What decided, in a sentence.
    pub why: String,
}

/// One metric in a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScaleFigureState {
    /// Its key below `autoscale`; of a query, the query.
    pub name: String,
    /// What it was, for people; the average of the replicas where each has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
    /// What it should be, for people.
    pub target: String,
    /// The same as `saw`, in its unit: cores, bytes, requests per second, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// So many replicas would bring it to its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<u32>,
    /// Why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}
