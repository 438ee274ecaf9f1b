//! Labels, their values, and streams.

use std::collections::{BTreeMap, BTreeSet};

use ondol_query::logql::parse_selector;
use ondol_query::{Labels, Matcher};
use ondol_telemetry::Query;
use serde_json::{Value, json};

use super::envelope::{Failure, success};
use super::query::now_ns;
use super::{json as shape, params};
use crate::server::Params;
use crate::shared::Shared;
use crate::traces::SPANS;

/// `/loki/api/v1/labels`.
pub(super) fn labels(params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let streams = streams(&[selector(params)?], params, shared)?;
    let names: BTreeSet<&str> = streams.iter().flatten().map(|label| &*label.name).collect();
    Ok(success(&json!(names)))
}

/// `/loki/api/v1/label/NAME/values`.
pub(super) fn values(name: &str, params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let streams = streams(&[selector(params)?], params, shared)?;
    let found = streams.iter().filter_map(|stream| stream.find(name));
    let values: BTreeSet<&str> = found.map(|label| &*label.value).collect();
    Ok(success(&json!(values)))
}

/// `/loki/api/v1/series`.
pub(super) fn series(params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let texts = params.all("match[]").chain(params.all("match"));
    let mut selectors = Vec::new();
    for text in texts {
        selectors.push(parse_selector(text)?);
    }
    if selectors.is_empty() {
        selectors.push(Vec::new());
    }
    let streams = streams(&selectors, params, shared)?;
    let all: Vec<Value> = streams.iter().map(shape::labels).collect();
    Ok(success(&json!(all)))
}

/// `/loki/api/v1/detected_labels`.
pub(super) fn detected(params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let streams = streams(&[selector(params)?], params, shared)?;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for label in streams.iter().flatten() {
        values.entry(&label.name).or_default().insert(&label.value);
    }
    let detected: Vec<Value> = (values.iter())
        .map(|(label, values)| json!({"label": label, "cardinality": values.len()}))
        .collect();
    Ok(json!({"detectedLabels": detected}))
}

/// `/loki/api/v1/index/stats`: known from indexes, so that it costs nothing and is about right.
pub(super) fn stats(params: &Params, shared: &Shared) -> Result<Value, Failure> {
    let query = query(selector(params)?, params)?;
    let extent = shared.stores.events.view().extent(&query)?;
    Ok(json!({
        "streams": extent.streams,
        "chunks": extent.blocks,
        "bytes": extent.bytes,
        "entries": extent.events,
    }))
}

/// `query`: a selector, whatever follows it.
fn selector(params: &Params) -> Result<Vec<Matcher>, Failure> {
    let Some(text) = params.get("query") else {
        return Ok(Vec::new());
    };
    Ok(parse_selector(text)?)
}

fn query(streams: Vec<Matcher>, params: &Params) -> Result<Query, Failure> {
    let span = params::span(params, now_ns())?;
    Ok(Query {
        streams,
        start_ns: span.start_ns,
        end_ns: span.end_ns,
        ..Query::default()
    })
}

/// Streams of lines that one of the selectors finds.
fn streams(
    selectors: &[Vec<Matcher>],
    params: &Params,
    shared: &Shared,
) -> Result<BTreeSet<Labels>, Failure> {
    let mut found = BTreeSet::new();
    for selector in selectors {
        let query = query(selector.clone(), params)?;
        found.extend(shared.stores.events.view().streams(&query)?);
    }
    found.retain(|stream| stream.get("stream") != SPANS);
    Ok(found)
}
