//! What only the owner of the node may ask, through the socket in its state folder: how the stores are, to compact them,
//! everything that is in them, and log lines as they come.

mod export;

use http::{Method, StatusCode};
use serde_json::json;

use crate::clock;
use crate::last_end::LastEnd;
use crate::loki;
use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Answers for `/ondol/telemetry/WHAT`.
pub(crate) async fn answer(ask: Ask, what: &str, shared: &Shared) -> Answer {
    if !ask.is_owner() {
        return Answer::refused(
            StatusCode::FORBIDDEN,
            "only the owner of the node may ask this, with `ondol telemetry`",
        );
    }
    match (ask.method(), what) {
        (&Method::GET, "status") => shared.answer(|shared, _| status(shared)).await,
        (&Method::POST, "compact") => shared.answer(|shared, _| compact(shared)).await,
        (&Method::GET, "follow") => loki::follow(&ask.query(), shared),
        (&Method::GET, "export") => export::answer(&ask.query(), shared).await,
        _ => Answer::not_found(ask.path()),
    }
}

fn status(shared: &Shared) -> Answer {
    let metrics = shared.stores.samples.read().status();
    let events = shared.stores.events.read().status();
    let (dropped, refused) = (shared.drops.now(), shared.drops.refused());
    let kept = |retention: &ondol_telemetry::Retention| json!({ "keep_ms": retention.keep_ms, "bytes_max": retention.bytes_max });
    let mut of_metrics = kept(&shared.settings.samples.retention);
    let mut of_events = kept(&shared.settings.events.retention);
    for (of, values) in [
        (
            &mut of_metrics,
            [
                ("series", metrics.series as u64),
                ("in_memory", metrics.head_samples),
                ("on_disk", metrics.segment_samples),
                ("segments", metrics.segments as u64),
                ("bytes", metrics.segment_bytes + metrics.log_bytes),
                ("dropped", dropped.samples + refused.samples),
            ],
        ),
        (
            &mut of_events,
            [
                ("cut", events.cut_values + events.dropped_fields),
                ("in_memory", events.head_events as u64),
                ("on_disk", events.segment_events),
                ("segments", events.segments as u64),
                ("bytes", events.segment_bytes),
                (
                    "dropped",
                    dropped.events + refused.events + events.refused_events,
                ),
            ],
        ),
    ] {
        for (name, value) in values {
            of[name] = json!(value);
        }
    }
    let body = json!({
        "addresses": shared.addresses(),
        "metrics": of_metrics,
        "events": of_events,
        "last_end": shared.last_end.as_ref().as_ref().map(LastEnd::json),
    });
    Answer::json(StatusCode::OK, body.to_string())
}

fn compact(shared: &Shared) -> Answer {
    let now_ms = clock::now_ms();
    let sealed = shared.stores.samples.seal(now_ms);
    let sealed = sealed.and_then(|()| shared.stores.events.seal(now_ms));
    let merged = shared.stores.maintain(now_ms);
    let done = sealed.and(merged.into_iter().collect::<Result<(), _>>());
    match done {
        Ok(()) => status(shared),
        Err(error) => Answer::not_stored(&error),
    }
}
