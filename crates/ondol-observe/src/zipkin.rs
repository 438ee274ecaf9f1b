//! The API of Zipkin, version 2: spans are taken in, and asked for.
//!
//! Source: `zipkin2-api.yaml` of openzipkin/zipkin-api.

mod json;

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use ondol_ingest::Limits;
use ondol_query::SourceError;
use serde_json::{Value, json};

use crate::clock::now_ms;
use crate::ingest::{self, BODY_BYTES_MAX};
use crate::server::{Answer, Ask, Params};
use crate::shared::{Shared, Stop};
use crate::traces::{self, SOURCE_ZIPKIN, Search};

const LIMIT: usize = 10;
const LIMIT_MAX: usize = 1000;
const LOOKBACK_MS: i64 = 24 * 3600 * 1000;

/// Answers for its paths.
pub(crate) async fn answer(mut ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    let rest = parts.get(2..).unwrap_or_default();
    match (ask.method().clone(), rest) {
        (Method::POST, ["spans"]) => take(&mut ask, shared).await,
        (Method::GET | Method::HEAD, _) => {
            let Some(question) = Question::of(rest) else {
                return Answer::not_found(ask.path());
            };
            let params = ask.query();
            let work =
                move |shared: &Shared, stop: &Stop| match question.answer(&params, shared, stop) {
                    Ok(body) => Answer::json(StatusCode::OK, body.to_string()),
                    Err(answer) => answer,
                };
            shared.answer(work).await
        }
        _ => Answer::refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "expected GET, or POST of spans",
        ),
    }
}

async fn take(ask: &mut Ask, shared: &Shared) -> Answer {
    let kind = ask.header("content-type").unwrap_or("application/json");
    if !kind.starts_with("application/json") {
        let why = format!("content type `{kind}` is not known; expected application/json");
        return Answer::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    }
    let body = match ask.body(BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let work = move |shared: &Shared| {
        let batch = match ondol_ingest::zipkin::json(&body, &Limits::default()) {
            Ok(batch) => batch,
            Err(error) => return Answer::refused(StatusCode::BAD_REQUEST, error.to_string()),
        };
        shared.drops.refuse_events(batch.dropped.items);
        match traces::take(&batch.items, SOURCE_ZIPKIN, shared, now_ms()) {
            Ok(()) => Answer::new(StatusCode::ACCEPTED, "text/plain", ""),
            Err(error) => Answer::not_stored(&error),
        }
    };
    let gone = || Answer::unavailable("the telemetry is leaving");
    ingest::beside(shared, work).await.unwrap_or_else(gone)
}

/// What is asked.
enum Question {
    Services,
    Spans,
    RemoteServices,
    Traces,
    TraceMany,
    Trace(String),
    Dependencies,
    /// Nothing is offered to be completed.
    Nothing,
}

impl Question {
    fn of(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            ["services"] => Question::Services,
            ["spans"] => Question::Spans,
            ["remoteServices"] => Question::RemoteServices,
            ["traces"] => Question::Traces,
            ["traceMany"] => Question::TraceMany,
            ["trace", id] => Question::Trace((*id).to_owned()),
            ["dependencies"] => Question::Dependencies,
            ["autocompleteKeys" | "autocompleteValues"] => Question::Nothing,
            _ => return None,
        })
    }

    fn answer(&self, params: &Params, shared: &Shared, stop: &Stop) -> Result<Value, Answer> {
        let service = params.get("serviceName").unwrap_or_default();
        Ok(match self {
            Question::Services => json!(traces::services(shared, now_ms()).map_err(broken)?),
            Question::Spans => names(service, shared)?,
            Question::RemoteServices => {
                let calls =
                    traces::calls(now_ms() - LOOKBACK_MS, now_ms(), shared).map_err(broken)?;
                let callees = calls.into_keys().filter(|(client, _)| client == service);
                callees.map(|(_, server)| server).collect()
            }
            Question::Traces => {
                let search = search(params, now_ms())?;
                let found =
                    traces::search(&search, shared, stop).map_err(|e| Answer::not_stored(&e))?;
                found.iter().map(json::trace).collect()
            }
            Question::TraceMany => {
                let ids = params.get("traceIds").unwrap_or_default().split(',');
                ids.filter_map(|id| trace(id, shared).ok()).collect()
            }
            Question::Trace(id) => trace(id, shared)?,
            Question::Dependencies => dependencies(params, shared)?,
            Question::Nothing => json!([]),
        })
    }
}

fn names(service: &str, shared: &Shared) -> Result<Value, Answer> {
    let operations = traces::operations(service, shared, now_ms()).map_err(broken)?;
    let names: BTreeSet<String> = operations.into_iter().map(|(name, _)| name).collect();
    Ok(json!(names))
}

fn trace(id: &str, shared: &Shared) -> Result<Value, Answer> {
    let number = u128::from_str_radix(id, 16).map_err(|_| {
        bad(format!(
            "{id} is no trace id: expected 16 or 32 hexadecimal digits"
        ))
    })?;
    let found = traces::trace(number, shared).map_err(|error| Answer::not_stored(&error))?;
    found
        .filter(|trace| !trace.spans.is_empty())
        .map(|trace| json::trace(&trace))
        .ok_or_else(|| Answer::refused(StatusCode::NOT_FOUND, format!("{id} not found")))
}

fn search(params: &Params, now_ms: i64) -> Result<Search, Answer> {
    let number = |name: &str| match params.get(name) {
        Some(text) => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| bad(format!("{name} is no whole number"))),
        None => Ok(None),
    };
    let all = |name: &str| {
        params
            .get(name)
            .filter(|text| *text != "all")
            .map(ToOwned::to_owned)
    };
    let microseconds = |us: i64| u64::try_from(us).unwrap_or(0).saturating_mul(1000);
    let end_ms = number("endTs")?.unwrap_or(now_ms);
    let lookback_ms = number("lookback")?.unwrap_or(LOOKBACK_MS);
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let mut search = Search {
        service: all("serviceName"),
        operation: all("spanName"),
        min_ns: number("minDuration")?.map(microseconds),
        max_ns: number("maxDuration")?.map(microseconds),
        start_ns: end_ms.saturating_sub(lookback_ms).saturating_mul(1_000_000),
        end_ns: end_ms.saturating_mul(1_000_000),
        limit: limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
        ..Search::default()
    };
    // `error and http.method=GET`
    let query = params.get("annotationQuery").unwrap_or_default();
    for part in query
        .split(" and ")
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part.split_once('=') {
            Some((name, value)) => search.tags.push((name.to_owned(), Some(value.to_owned()))),
            None if part == "error" => search.failed = true,
            None => search.tags.push((part.to_owned(), None)),
        }
    }
    Ok(search)
}

fn dependencies(params: &Params, shared: &Shared) -> Result<Value, Answer> {
    let number = |name: &str| params.get(name).map(str::parse::<i64>);
    let end_ms = match number("endTs") {
        Some(Ok(end_ms)) => end_ms,
        _ => return Err(bad("endTs is required: milliseconds since 1970")),
    };
    let lookback_ms = match number("lookback") {
        Some(Err(_)) => return Err(bad("lookback is no whole number")),
        Some(Ok(lookback_ms)) => lookback_ms,
        None => LOOKBACK_MS,
    };
    let calls =
        traces::calls(end_ms.saturating_sub(lookback_ms), end_ms, shared).map_err(broken)?;
    let link = |((parent, child), edge): ((String, String), traces::Calls)| {
        let mut link = json!({ "parent": parent, "child": child, "callCount": edge.calls });
        if edge.failed > 0 {
            link["errorCount"] = json!(edge.failed);
        }
        link
    };
    Ok(calls.into_iter().map(link).collect())
}

fn bad(why: impl Into<String>) -> Answer {
    Answer::refused(StatusCode::BAD_REQUEST, why)
}

fn broken(error: SourceError) -> Answer {
    Answer::refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
