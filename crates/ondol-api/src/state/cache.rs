use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answers that the proxy keeps. Counters begin at 0 with each proxy process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheState {
    /// Memory that they take.
    pub bytes: u64,
    /// Requests that were given one.
    pub hits: u64,
    /// Requests that were given one that was too old, while a newer one was fetched.
    pub stale: u64,
    /// Requests that went to a service.
    pub misses: u64,
    /// Answers that were kept.
    pub stored: u64,
    /// Answers that somebody wanted forgotten.
    pub purged: u64,
}

/// Which answers the proxy is to forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeBody {
    /// Those of these addresses: `http://shop.example/films?page=1`. Without a query it is all queries, and without
    /// a host all hosts.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Those that their service gave one of these names, in `Surrogate-Key` or `Cache-Tag`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// All.
    #[serde(default)]
    pub all: bool,
}

/// Answers are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// How many.
    pub purged: u64,
}
