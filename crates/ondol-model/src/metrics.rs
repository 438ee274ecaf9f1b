use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `x-ondol.metrics`: whether and where a service says its metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metrics {
    /// Where its port answers `/metrics` with metrics.
    #[default]
    IfThere,
    /// Nobody asks.
    Off,
    /// There, and an answer is expected.
    At(MetricsEndpoint),
}

/// Where a service says its metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsEndpoint {
    /// `port:`; `None` is the first one that the service is known to have.
    pub port: Option<u16>,
    /// `path:`; `/metrics` when the file says nothing.
    pub path: String,
    /// `interval:`; 15 s when the file says nothing.
    pub interval: Duration,
}

impl Default for MetricsEndpoint {
    fn default() -> Self {
        MetricsEndpoint {
            port: None,
            path: "/metrics".to_owned(),
            interval: Duration::from_secs(15),
        }
    }
}

impl Metrics {
    /// Whether the file says nothing about it.
    pub fn is_default(&self) -> bool {
        *self == Metrics::IfThere
    }
}
