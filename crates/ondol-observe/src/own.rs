//! What is ours: whether the service is well, what it says about itself, and what the owner of the node may ask of it.

use http::StatusCode;
use http::header::ACCEPT;
use ondol_telemetry::{Format, Kind, Page};

use crate::clock;
use crate::forward::Lane;
use crate::host::process;
use crate::server::{Answer, Ask};
use crate::shared::Shared;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers for the paths that belong to no other API.
pub(crate) async fn answer(ask: Ask, shared: &Shared) -> Answer {
    match ask.path() {
        "/" => Answer::text(StatusCode::OK, greeting(shared)),
        // What each of the tools asks before it asks anything else.
        "/-/healthy" | "/-/ready" | "/ready" => Answer::text(StatusCode::OK, "ready\n"),
        "/metrics" => {
            let accepted = ask.header(ACCEPT.as_str()).unwrap_or_default();
            let format = match accepted.contains("application/openmetrics-text") {
                true => Format::OpenMetrics,
                false => Format::Text,
            };
            shared
                .answer(move |shared, _| metrics(shared, format))
                .await
        }
        path => Answer::not_found(path),
    }
}

fn greeting(shared: &Shared) -> String {
    format!(
        "Ondol {}, telemetry: Prometheus /api/v1, Loki /loki/api/v1, Jaeger /api, Zipkin /api/v2, OTLP /v1 and gRPC\n",
        shared.settings.version
    )
}

fn metrics(shared: &Shared, format: Format) -> Answer {
    let kind = match format {
        Format::Text => TEXT,
        Format::OpenMetrics => OPEN_METRICS,
    };
    Answer::new(StatusCode::OK, kind, page(shared, format))
}

/// What Ondol's telemetry says about itself.
pub(crate) fn page(shared: &Shared, format: Format) -> String {
    let mut page = Page::new(format);
    page.family("ondol_build", Kind::Info, "Which Ondol this is.");
    page.sample(
        "ondol_build_info",
        &[("version", shared.settings.version)],
        1.0,
    );
    let name = "ondol_telemetry_uptime_seconds";
    page.family(name, Kind::Gauge, "How long the telemetry has been there.");
    let uptime_ms = clock::now_ms().saturating_sub(shared.started_ms);
    page.sample(name, &[], uptime_ms as f64 / 1000.0);
    process::describe(&mut page);
    for (name, help, dropped) in [
        (
            "ondol_telemetry_dropped",
            "What the node offered and could not be kept.",
            shared.drops.now(),
        ),
        (
            "ondol_telemetry_refused",
            "What came by HTTP and was refused.",
            shared.drops.refused(),
        ),
    ] {
        page.family(name, Kind::Counter, help);
        for (signal, count) in [("samples", dropped.samples), ("events", dropped.events)] {
            page.sample(
                &format!("{name}_total"),
                &[("signal", signal)],
                count as f64,
            );
        }
    }
    let name = "ondol_traces_graph_left_out";
    page.family(
        name,
        Kind::Counter,
        "Calls that are in no edge of the service map, for want of room.",
    );
    let left_out = shared.traces.counting().graph.left_out;
    page.sample(&format!("{name}_total"), &[], left_out as f64);
    describe_forwarding(shared, &mut page);
    shared.stores.samples.read().describe(&mut page);
    shared.stores.events.read().describe(&mut page);
    page.finish()
}

/// Of what goes on to a receiver. Families come once, with what there is of them.
fn describe_forwarding(shared: &Shared, page: &mut Page) {
    let now_ms = clock::now_ms();
    let counts = |lane| (lane, shared.forwarded.of(lane));
    let lanes = Lane::ALL.map(counts).into_iter();
    let lanes = lanes.filter_map(|(lane, counts)| Some((lane, counts, counts.behind_ms(now_ms)?)));
    let lanes: Vec<_> = lanes.collect();
    if lanes.is_empty() {
        return;
    }
    let name = "ondol_telemetry_forward_sent";
    page.family(name, Kind::Counter, "What the receivers have.");
    for (lane, counts, _) in &lanes {
        let labels = [("signal", lane.signal())];
        page.sample(&format!("{name}_total"), &labels, counts.sent() as f64);
    }
    let name = "ondol_telemetry_forward_dropped";
    page.family(name, Kind::Counter, "What they will never have.");
    for (lane, counts, _) in &lanes {
        let late = match lane {
            Lane::Metrics => 0,
            Lane::Events => shared.late.dropped(),
        };
        let labels = [("signal", lane.signal())];
        let dropped = (counts.dropped() + late) as f64;
        page.sample(&format!("{name}_total"), &labels, dropped);
    }
    let name = "ondol_telemetry_forward_behind_seconds";
    page.family(name, Kind::Gauge, "How far the receivers are behind.");
    for (lane, _, behind_ms) in &lanes {
        let labels = [("signal", lane.signal())];
        page.sample(name, &labels, *behind_ms as f64 / 1000.0);
    }
}
