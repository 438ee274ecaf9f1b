use serde::Serialize;

use crate::diagnostic::Place;

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Ondol does what it says.
    ActedOn,
    /// It means something to a container engine only; a process ignores it.
    EngineOnly,
    /// Nobody does what it says; it is kept in the resolved file.
    NotActedOn,
}

/// A key that the files use, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// Such as `services.web.deploy.resources.limits.memory`.
    pub path: String,
    /// What becomes of it.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Why it is not acted on, or when.
    pub reason: Option<&'static str>,
    /// Where it was written last.
    pub place: Option<Place>,
}
