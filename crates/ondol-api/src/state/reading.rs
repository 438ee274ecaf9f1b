use std::collections::BTreeMap;

use ondol_model::ServiceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a service does, over the last second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceReading {
    /// The service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// All requests to it, also those that none of its replicas answered.
    pub reading: Reading,
    /// Those that replicas of one definition answered, by its digest.
    pub revisions: BTreeMap<String, Reading>,
    /// Those that one replica answered, by its name: `web-1`.
    pub replicas: BTreeMap<String, Reading>,
}

/// Requests of the last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// How many ended in a second.
    pub requests_per_second: f64,
    /// The part of them that failed, from 0 to 1: a status of 500 or above, or an answer that broke off.
    pub error_ratio: f64,
    /// Requests and connections on their way now.
    pub in_flight: u64,
    /// Half of them took at most so many milliseconds; left out when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// Of a hundred, 95 took at most so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// Of a hundred, 99 took at most so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
}
