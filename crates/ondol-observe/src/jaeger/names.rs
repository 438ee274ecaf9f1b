//! Services, their operations, and who calls whom.

use std::collections::BTreeSet;

use ondol_query::SourceError;
use serde_json::{Value, json};

use super::{bad, failed};
use crate::clock::now_ms;
use crate::server::{Answer, Params};
use crate::shared::Shared;
use crate::traces;

/// How far back calls are counted when nobody says: a day.
const LOOKBACK_MS: i64 = 24 * 3600 * 1000;

pub(super) fn services(shared: &Shared) -> Result<Value, Answer> {
    let services = traces::services(shared, now_ms()).map_err(broken)?;
    Ok(json!(services))
}

/// The names alone, as the older path has them.
pub(super) fn operation_names(service: &str, shared: &Shared) -> Result<Value, Answer> {
    let operations = traces::operations(service, shared, now_ms()).map_err(broken)?;
    let names: BTreeSet<String> = operations.into_iter().map(|(name, _)| name).collect();
    Ok(json!(names))
}

pub(super) fn operations(params: &Params, shared: &Shared) -> Result<Value, Answer> {
    let service = params
        .get("service")
        .ok_or_else(|| bad("parameter 'service' is required"))?;
    let kind = params.get("spanKind");
    let operations = traces::operations(service, shared, now_ms()).map_err(broken)?;
    let of_kind = operations
        .into_iter()
        .filter(|(_, own)| kind.is_none_or(|kind| own.word() == kind));
    Ok(of_kind
        .map(|(name, kind)| json!({ "name": name, "spanKind": kind.word() }))
        .collect())
}

pub(super) fn dependencies(params: &Params, shared: &Shared) -> Result<Value, Answer> {
    let number = |name: &str, otherwise: i64| match params.get(name) {
        Some(text) => text.parse().map_err(|_| {
            bad(format!(
                "unable to parse param '{name}': expected milliseconds"
            ))
        }),
        None => Ok(otherwise),
    };
    let end_ms: i64 = number("endTs", now_ms())?;
    let start_ms = end_ms.saturating_sub(number("lookback", LOOKBACK_MS)?);
    let calls = traces::calls(start_ms, end_ms, shared).map_err(broken)?;
    Ok(calls
        .into_iter()
        .map(|((parent, child), edge)| {
            json!({ "parent": parent, "child": child, "callCount": edge.calls })
        })
        .collect())
}

fn broken(error: SourceError) -> Answer {
    failed(http::StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
}
