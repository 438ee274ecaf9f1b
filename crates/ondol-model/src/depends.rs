use serde::{Deserialize, Serialize};

/// One entry of `depends_on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What the other service must have reached.
    pub condition: Condition,
    /// `false`: a missing or failed dependency is only warned about.
    pub required: bool,
    /// Restart this service when the other one was replaced.
    pub restart: bool,
}

/// What a service that is depended on must have reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// `service_started`: one replica's process runs. For a service with a readiness check that Ondol
    /// itself knows (a well-known image), it is ready, so that nobody is punished for connecting too early.
    #[default]
    Started,
    /// `service_healthy`: one replica is ready.
    Healthy,
    /// `service_completed_successfully`: it ran to its end with exit code 0.
    Completed,
}
