use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `x-ondol.requests`: what is written down of each request of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignalRules {
    /// Traces that may begin in a second. Of more, an even share is recorded.
    pub traces_per_second: u32,
    /// A request that takes so long is always recorded.
    pub slow: Duration,
    /// A file to which every request is written as a line of JSON, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
}

impl Default for SignalRules {
    fn default() -> Self {
        SignalRules {
            traces_per_second: 200,
            slow: Duration::from_secs(1),
            log: None,
        }
    }
}

impl SignalRules {
    /// Whether the file says nothing about it.
    pub fn is_default(&self) -> bool {
        *self == SignalRules::default()
    }
}
