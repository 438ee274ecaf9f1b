//! The figures that a condition can name, as PromQL.

use std::time::Duration;

use ondol_model::{AlertSignal, Comparison};

use crate::number::significant;

/// How long requests took, by the proxy.
const REQUESTS: &str = "http_server_request_duration_seconds";

/// The figure of one service, or of each service of a project.
pub(super) fn expr(
    signal: AlertSignal,
    project: &str,
    service: Option<&str>,
    over: Duration,
) -> String {
    let of = match service {
        Some(service) => format!("project={project:?},service={service:?}"),
        None => format!("project={project:?}"),
    };
    let window = format!("{}ms", over.as_millis().max(1));
    let quantile = |quantile: &str| {
        format!(
            "histogram_quantile({quantile}, sum by (project, service, le) (rate({REQUESTS}_bucket{{{of}}}[{window}])))"
        )
    };
    let requests = |more: &str| {
        format!("sum by (project, service) (rate({REQUESTS}_count{{{of}{more}}}[{window}]))")
    };
    match signal {
        AlertSignal::ErrorRatio => {
            let errors = requests(",failed=\"true\"");
            format!("{errors} / {}", requests(""))
        }
        AlertSignal::LatencyP50 => quantile("0.5"),
        AlertSignal::LatencyP90 => quantile("0.9"),
        AlertSignal::LatencyP95 => quantile("0.95"),
        AlertSignal::LatencyP99 => quantile("0.99"),
        AlertSignal::Rps => requests(""),
        AlertSignal::Cpu => format!("rate(ondol_replica_cpu_seconds_total{{{of}}}[{window}])"),
        AlertSignal::Memory => format!("ondol_replica_memory_bytes{{{of}}}"),
        AlertSignal::MemoryRatio => {
            format!(
                "ondol_replica_memory_bytes{{{of}}} / (ondol_replica_memory_limit_bytes{{{of}}} > 0)"
            )
        }
        AlertSignal::Restarts => {
            format!("increase(ondol_replica_restarts_total{{{of}}}[{window}])")
        }
        AlertSignal::Ready => format!("ondol_service_replicas_ready{{{of}}}"),
    }
}

/// What people are told when the file has no words of its own.
pub(super) fn summary(signal: AlertSignal, comparison: Comparison, threshold: f64) -> String {
    let (what, print) = match signal {
        AlertSignal::ErrorRatio => ("part of the requests that fail", "humanizePercentage"),
        AlertSignal::LatencyP50 => ("median time to answer", "humanizeDuration"),
        AlertSignal::LatencyP90 => ("90th percentile of the time to answer", "humanizeDuration"),
        AlertSignal::LatencyP95 => ("95th percentile of the time to answer", "humanizeDuration"),
        AlertSignal::LatencyP99 => ("99th percentile of the time to answer", "humanizeDuration"),
        AlertSignal::Rps => ("number of requests per second", "humanize"),
        AlertSignal::Cpu => ("use of processors", "humanizePercentage"),
        AlertSignal::Memory => ("use of memory", "humanize1024"),
        AlertSignal::MemoryRatio => ("part of its memory in use", "humanizePercentage"),
        AlertSignal::Restarts => ("number of restarts", "humanize"),
        AlertSignal::Ready => ("number of ready replicas", "humanize"),
    };
    let bound = significant(threshold, 12);
    let sign = comparison.sign();
    format!(
        "{{{{ .Labels.service }}}}: the {what} is {{{{ {print} .Value }}}} ({sign} {{{{ {print} {bound} }}}})"
    )
}
