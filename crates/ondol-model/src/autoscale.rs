use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `x-ondol.autoscale`: how many replicas, by what they have to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscale {
    /// `min:`; with 0 the service sleeps when nobody asks for it.
    pub min: u32,
    /// `max:`.
    pub max: u32,
    /// What is looked at; the one that asks for most replicas decides. Never empty.
    pub metrics: Vec<ScaleMetric>,
    /// `up_window:` — more replicas only when they were asked for all this time; 0 s when the file says nothing.
    pub up_window: Duration,
    /// `down_window:` — fewer only when so few were enough all this time; 300 s when the file says nothing.
    pub down_window: Duration,
    /// `idle:` — with `min: 0`, it sleeps after this time without a request; 300 s when the file says nothing.
    pub idle: Duration,
}

/// A figure, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleMetric {
    /// What is measured.
    pub of: ScaleSource,
    /// What it should be.
    pub target: ScaleTarget,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleSource {
    /// Cores that a replica takes.
    Cpu,
    /// Bytes that a replica takes.
    Memory,
    /// Requests per second, as the proxy counts them.
    Requests,
    /// Requests and connections on their way.
    Concurrency,
    /// Requests that wait at the proxy for a place or a replica.
    Queue,
    /// 95 % of the requests are answered within this time, in seconds.
    P95,
    /// The sum of what this PromQL expression gives.
    Query(String),
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleTarget {
    /// Percent of what a replica reserves, else of its limit, else of one core (`Utilization` of Kubernetes).
    Percent(u32),
    /// Thousandths of the figure's unit for each replica (`AverageValue` of Kubernetes).
    Each(u64),
    /// Thousandths of the figure's unit, however many replicas there are (`Value` of Kubernetes).
    Whole(u64),
}

impl ScaleSource {
    /// Its key in the file.
    pub fn name(&self) -> &'static str {
        match self {
            ScaleSource::Cpu => "cpu",
            ScaleSource::Memory => "memory",
            ScaleSource::Requests => "requests",
            ScaleSource::Concurrency => "concurrency",
            ScaleSource::Queue => "queue",
            ScaleSource::P95 => "p95",
            ScaleSource::Query(_) => "query",
        }
    }
}

impl Autoscale {
    /// The PromQL expressions that it looks at.
    pub fn queries(&self) -> impl Iterator<Item = &String> {
        self.metrics.iter().filter_map(|metric| match &metric.of {
            ScaleSource::Query(promql) => Some(promql),
            _ => None,
        })
    }
}
