//! OTLP over HTTP.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use ondol_ingest::otlp::{self, Encoding, Signal};
use ondol_telemetry::StoreError;

use super::take::{Failure, take};
use crate::ingest::BODY_BYTES_MAX;
use crate::server::{Answer, Ask, status_of};
use crate::shared::Shared;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

// Codes of gRPC, which the bodies of failures have too.
const INVALID_ARGUMENT: u32 = 3;
const RESOURCE_EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// Answers for `/v1/<signal>`.
pub(super) async fn answer(mut ask: Ask, signal: &str, shared: &Shared) -> Answer {
    let signal = match signal {
        "traces" => Signal::Traces,
        "logs" => Signal::Logs,
        "metrics" => Signal::Metrics,
        _ => return Answer::not_found(ask.path()),
    };
    if ask.method() != Method::POST {
        return Answer::refused(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
    }
    let kind = ask.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let (encoding, kind) = match kind.split(';').next().map(str::trim) {
        Some(PROTOBUF) => (Encoding::Protobuf, PROTOBUF),
        Some(JSON) => (Encoding::Json, JSON),
        _ => {
            let why = format!("content type `{kind}` is not known; expected {PROTOBUF} or {JSON}");
            return Answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
    };
    let body = match ask.body(BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let failed =
        |status, code, why: &str| Answer::new(status, kind, otlp::failure(code, why, encoding));
    match take(signal, encoding, body, shared).await {
        Ok(dropped) => Answer::new(
            StatusCode::OK,
            kind,
            otlp::answer(signal, &dropped, encoding),
        ),
        Err(Failure::Bad(error)) => failed(
            StatusCode::BAD_REQUEST,
            INVALID_ARGUMENT,
            &error.to_string(),
        ),
        Err(Failure::Store(error)) => {
            let code = match error {
                StoreError::Full { .. } | StoreError::Behind { .. } => RESOURCE_EXHAUSTED,
                _ => INTERNAL,
            };
            let status = status_of(&error);
            let answer = failed(status, code, &error.to_string());
            match status {
                StatusCode::TOO_MANY_REQUESTS => answer.with(RETRY_AFTER, RETRY_SECONDS),
                _ => answer,
            }
        }
        Err(Failure::Leaving) => {
            let why = "the telemetry is leaving";
            failed(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, why)
                .with(RETRY_AFTER, RETRY_SECONDS)
        }
    }
}
