//! `/loki/api/v1/push`: log lines of Loki's agents.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use ondol_ingest::{Batch, IngestError, Limits, LogStream, loki};

use crate::clock::now_ms;
use crate::ingest::{self, BODY_BYTES_MAX};
use crate::intake::push_events;
use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Takes a push in. What was too much of it is left out and counted, as Loki does with lines beyond its limits.
pub(super) async fn answer(mut ask: Ask, shared: &Shared) -> Answer {
    if ask.method() != Method::POST {
        return Answer::refused(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
    }
    let kind = ask.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let decode: Decode = match kind.split(';').next().map(str::trim) {
        Some("application/json") => loki::json,
        // Promtail and its like do not always say it.
        Some("application/x-protobuf" | "") | None => loki::protobuf,
        Some(other) => {
            let why = format!(
                "content type `{other}` is not known; expected application/json or application/x-protobuf"
            );
            return Answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
    };
    let body = match ask.body(BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let work = move |shared: &Shared| keep(decode, &body, shared, now_ms());
    let gone = || Answer::unavailable("the telemetry is leaving");
    ingest::beside(shared, work).await.unwrap_or_else(gone)
}

type Decode = fn(&[u8], &Limits) -> Result<Batch<LogStream>, IngestError>;

fn keep(decode: Decode, body: &Bytes, shared: &Shared, now_ms: i64) -> Answer {
    let batch = match decode(body, &Limits::default()) {
        Ok(batch) => batch,
        Err(error @ IngestError::TooLarge { .. }) => {
            return Answer::refused(StatusCode::PAYLOAD_TOO_LARGE, error.to_string());
        }
        Err(error) => return Answer::refused(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let events = ingest::events(batch.items, now_ms);
    shared.drops.refuse_events(batch.dropped.items);
    match push_events(&events, shared, now_ms) {
        Ok(()) => Answer::done(),
        Err(error) => Answer::not_stored(&error),
    }
}
