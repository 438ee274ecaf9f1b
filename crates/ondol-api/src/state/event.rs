use ondol_control::NoteKind;
use ondol_model::{ProjectName, ServiceName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServiceState;

/// A decision and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventState {
    /// Grows with every event, never used twice.
    pub id: u64,
    /// When.
    pub at_unix_ms: u64,
    /// What was decided.
    #[schema(value_type = String)]
    pub kind: NoteKind,
    /// The project.
    #[schema(value_type = String)]
    pub project: ProjectName,
    /// The service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// The replica: `web-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
    /// What was seen and what follows, in one sentence.
    pub why: String,
}

/// One revision of a project's definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionState {
    /// From 1, by 1 with each change of the definition.
    pub number: u64,
    /// Names the definition by its content.
    pub digest: String,
    /// When it was made.
    pub made_unix_ms: u64,
    /// By whom: `user 1000`.
    pub made_by: String,
    /// It is the one that is wanted.
    pub current: bool,
}

/// A service as it is, and the decisions that led there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The service.
    pub service: ServiceState,
    /// The newest decisions about it, oldest first.
    pub events: Vec<EventState>,
}
