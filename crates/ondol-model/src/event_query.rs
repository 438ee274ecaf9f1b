use crate::{ProjectName, ServiceName};

/// Which of the decisions that were written down are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only of this project.
    pub project: Option<ProjectName>,
    /// Only of this service of `project`.
    pub service: Option<ServiceName>,
    /// Only those with a greater id.
    pub after_id: u64,
    /// Only those at this moment (milliseconds since 1970) or later.
    pub since_unix_ms: u64,
    /// At most so many.
    pub limit: u32,
    /// Which end `limit` keeps: the oldest, for those who follow; else the newest.
    pub oldest_first: bool,
}
