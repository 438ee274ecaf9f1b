//! Which API a path belongs to. Each of them is a folder, and answers for its own paths.

use http::StatusCode;

use crate::server::{Answer, Ask, Door};
use crate::shared::Shared;
use crate::{alerts, jaeger, loki, otlp, own, owner, prometheus, traces, zipkin};

/// Answers a request.
pub(crate) async fn answer(ask: Ask, shared: &Shared) -> Answer {
    let segments = ask.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if ask.door() == Door::Services && !is_brought(&parts) {
        let why = "services may bring telemetry here; to ask, use the node's own address";
        return Answer::refused(StatusCode::FORBIDDEN, why);
    }
    match parts.as_slice() {
        ["-", ..] | ["metrics" | "ready"] | [] => own::answer(ask, shared).await,
        ["graph"] => alerts::shown(&ask),
        ["ondol", "alerts", ..] => alerts::answer(ask, &parts, shared).await,
        ["ondol", "traces"] => traces::answer(ask, None, shared).await,
        ["ondol", "traces", id] => traces::answer(ask, Some(id), shared).await,
        ["ondol", "telemetry", what] => owner::answer(ask, what, shared).await,
        ["api", "v1", "rules" | "alerts"] => alerts::answer(ask, &parts, shared).await,
        ["api", "v1", ..] | ["federate"] => prometheus::answer(ask, &parts, shared).await,
        ["loki", ..] => loki::answer(ask, &parts, shared).await,
        [
            "api",
            "v2",
            "alerts" | "silences" | "silence" | "status" | "receivers",
            ..,
        ] => alerts::answer(ask, &parts, shared).await,
        ["api", "v2", ..] => zipkin::answer(ask, &parts, shared).await,
        ["api", ..] => jaeger::answer(ask, &parts, shared).await,
        ["v1", "traces" | "metrics" | "logs"] => otlp::answer(ask, &parts, shared).await,
        [service, _] if service.starts_with("opentelemetry.proto.collector.") => {
            otlp::answer(ask, &parts, shared).await
        }
        _ => Answer::not_found(ask.path()),
    }
}

/// Whether a path takes something in, and tells nothing.
fn is_brought(parts: &[&str]) -> bool {
    match parts {
        ["v1", "traces" | "metrics" | "logs"]
        | ["loki", "api", "v1", "push"]
        | ["api", "v1", "write"]
        | ["api", "v2", "spans"] => true,
        [service, _] => service.starts_with("opentelemetry.proto.collector."),
        _ => false,
    }
}
