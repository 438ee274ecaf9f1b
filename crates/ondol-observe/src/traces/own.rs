//! `/ondol/traces`: traces for the commands of Ondol, with their log lines.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use ondol_ingest::{Span, SpanStatus, line};
use ondol_telemetry::{BODY, Found};
use serde_json::{Map, Value, json};

use super::find::{Search, search};
use super::stitch::stitched;
use super::tree::Trace;
use crate::clock::now_ms;
use crate::proxy::PROXY_SCOPE;
use crate::server::{Answer, Ask, Params};
use crate::shared::{Shared, Stop};

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 1000;
/// How far back is looked when nobody says: an hour.
const SINCE_MS: i64 = 3_600_000;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, id: Option<&str>, shared: &Shared) -> Answer {
    let (params, id) = (ask.query(), id.map(ToOwned::to_owned));
    let work = move |shared: &Shared, stop: &Stop| match id {
        Some(id) => one(&id, shared),
        None => list(&params, shared, stop),
    };
    shared.answer(work).await
}

fn one(id: &str, shared: &Shared) -> Answer {
    let Ok(number) = u128::from_str_radix(id, 16) else {
        let why = format!("`{id}` is no trace id; expected 16 or 32 hexadecimal digits");
        return Answer::refused(StatusCode::BAD_REQUEST, why);
    };
    match stitched(number, shared) {
        Ok(Some(trace)) => Answer::json(StatusCode::OK, whole(&trace).to_string()),
        Ok(None) => {
            let why = format!("nothing is known of trace {id}: it was not sent, or it is too old");
            Answer::refused(StatusCode::NOT_FOUND, why)
        }
        Err(error) => Answer::not_stored(&error),
    }
}

fn list(params: &Params, shared: &Shared, stop: &Stop) -> Answer {
    let wanted = match wanted(params, now_ms()) {
        Ok(wanted) => wanted,
        Err(why) => return Answer::refused(StatusCode::BAD_REQUEST, why),
    };
    match search(&wanted, shared, stop) {
        Ok(found) => {
            let traces: Vec<Value> = found.iter().map(summary).collect();
            Answer::json(StatusCode::OK, json!({ "traces": traces }).to_string())
        }
        Err(error) => Answer::not_stored(&error),
    }
}

fn wanted(params: &Params, now_ms: i64) -> Result<Search, String> {
    let number = |name: &str| match params.get(name) {
        Some(text) => text
            .parse::<i64>()
            .map(Some)
            .map_err(|_| format!("{name} is `{text}`; expected a whole number")),
        None => Ok(None),
    };
    let text = |name: &str| params.get(name).map(ToOwned::to_owned);
    let nanoseconds = |ms: i64| ms.saturating_mul(1_000_000);
    let since_ms = number("since_unix_ms")?.unwrap_or(now_ms - SINCE_MS);
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let min_ms = number("min_duration_ms")?;
    Ok(Search {
        project: text("project"),
        service: text("service"),
        operation: text("operation"),
        failed: params.get("error") == Some("true"),
        min_ns: min_ms.and_then(|ms| u64::try_from(nanoseconds(ms)).ok()),
        start_ns: nanoseconds(since_ms),
        end_ns: i64::MAX,
        limit: limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
        ..Search::default()
    })
}

/// A trace in a line.
fn summary(trace: &Trace) -> Value {
    let root = trace.root();
    let failed = trace
        .spans
        .iter()
        .filter(|span| span.status == SpanStatus::Error);
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for span in &trace.spans {
        *services.entry(span.service()).or_default() += 1;
    }
    json!({
        "id": format!("{:032x}", trace.id),
        "start_unix_ns": trace.start_ns(),
        "duration_ns": trace.duration_ns(),
        "service": root.map(Span::service),
        "name": root.map(title),
        "spans": trace.spans.len(),
        "failed": failed.count(),
        "services": services,
    })
}

/// All that is known of a trace. Spans come in the order of a waterfall: each one before those that are inside of it.
fn whole(trace: &Trace) -> Value {
    let mut whole = summary(trace);
    let spans: Vec<Value> = order(&trace.spans)
        .into_iter()
        .map(|(span, depth)| self::span(span, depth))
        .collect();
    let lines: Vec<Value> = trace.lines.iter().map(log_line).collect();
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("waterfall".to_owned(), Value::Array(spans));
        whole.insert("lines".to_owned(), Value::Array(lines));
    }
    whole
}

/// Each span with how deep it is. A span whose parent is not known begins on its own.
fn order(spans: &[Span]) -> Vec<(&Span, usize)> {
    let ids: BTreeSet<u64> = spans.iter().map(|span| span.span_id).collect();
    let mut inside: BTreeMap<u64, Vec<&Span>> = BTreeMap::new();
    let mut waiting: Vec<(&Span, usize)> = Vec::new();
    for span in spans.iter().rev() {
        let is_root = !ids.contains(&span.parent_id) || span.parent_id == span.span_id;
        match is_root {
            true => waiting.push((span, 0)),
            false => inside.entry(span.parent_id).or_default().push(span),
        }
    }
    let mut ordered = Vec::with_capacity(spans.len());
    while let Some((span, depth)) = waiting.pop() {
        ordered.push((span, depth));
        // Taken out, so that spans in a circle end it.
        let within = inside.remove(&span.span_id).unwrap_or_default();
        waiting.extend(within.into_iter().map(|span| (span, depth + 1)));
    }
    // What is in a circle begins nowhere.
    let circle = inside.into_values().flatten().map(|span| (span, 0));
    ordered.extend(circle);
    ordered
}

fn span(span: &Span, depth: usize) -> Value {
    let attributes: Map<String, Value> = (span.attributes.iter())
        .map(|attribute| (attribute.name.clone(), json!(attribute.value.text())))
        .collect();
    let moments: Vec<Value> = (span.moments.iter())
        .map(|moment| {
            let with: Map<String, Value> = (moment.attributes.iter())
                .map(|attribute| (attribute.name.clone(), json!(attribute.value.text())))
                .collect();
            json!({ "at_unix_ns": moment.at_ns, "name": moment.name, "attributes": with })
        })
        .collect();
    json!({
        "id": format!("{:016x}", span.span_id),
        "parent": (span.parent_id != 0).then(|| format!("{:016x}", span.parent_id)),
        "depth": depth,
        "project": span.resource_text("service.namespace"),
        "service": span.service(),
        "replica": span.resource_text("service.instance.id"),
        "name": title(span),
        "kind": span.kind.word(),
        "status": span.status.word(),
        "status_message": span.status_message,
        "start_unix_ns": span.start_ns,
        "duration_ns": span.duration_ns,
        "scope": span.scope.name,
        "attributes": attributes,
        "events": moments,
    })
}

/// What was done. Of a request that is not named by its path, and of all that the proxy carried, its method and path say
/// more.
fn title(span: &Span) -> String {
    let method = span
        .text("http.request.method")
        .or_else(|| span.text("http.method"));
    let path = span.text("url.path").or_else(|| span.text("http.target"));
    let is_carried = span.scope.name == PROXY_SCOPE;
    match (method, path) {
        (Some(method), Some(path)) if is_carried || !span.name.contains('/') => {
            format!("{method} {path}")
        }
        _ => span.name.clone(),
    }
}

fn log_line(found: &Found) -> Value {
    let field = |name: &str| {
        let field = found.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    };
    let label = |name: &str| Some(found.stream.get(name)).filter(|value| !value.is_empty());
    json!({
        "at_unix_ns": found.at_ns,
        "project": label("project"),
        "service": label("service"),
        "replica": label("replica"),
        "stream": label("stream"),
        "level": field(line::LEVEL),
        "span": field("span_id"),
        "text": field(BODY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(pairs: &[(u64, u64)]) -> Vec<Span> {
        let span = |(at, (span_id, parent_id)): (usize, &(u64, u64))| Span {
            span_id: *span_id,
            parent_id: *parent_id,
            start_ns: at as i64,
            ..Span::default()
        };
        pairs.iter().enumerate().map(span).collect()
    }

    fn ordered(pairs: &[(u64, u64)]) -> Vec<(u64, usize)> {
        let spans = spans(pairs);
        order(&spans)
            .into_iter()
            .map(|(span, depth)| (span.span_id, depth))
            .collect()
    }

    #[test]
    fn a_span_stands_before_what_is_inside_of_it() {
        let found = ordered(&[(1, 0), (2, 1), (3, 1), (4, 2), (5, 99)]);
        assert_eq!(found, [(1, 0), (2, 1), (4, 2), (3, 1), (5, 0)]);
    }

    #[test]
    fn spans_in_a_circle_are_all_there_once() {
        let mut found = ordered(&[(1, 2), (2, 1), (3, 3)]);
        found.sort_unstable();
        assert_eq!(found, [(1, 0), (2, 0), (3, 0)]);
    }
}
