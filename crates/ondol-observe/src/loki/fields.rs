//! What lines say about themselves: fields that a parser finds in them, with their types.

use std::collections::{BTreeMap, BTreeSet};

use ondol_query::Labels;
use ondol_query::logql::{Expr, Kept, LogLine, LogQuery, Pipeline, is_duration, is_size, parse};
use serde_json::{Value, json};

use super::envelope::Failure;
use super::params;
use super::query::{lines, now_ns};
use crate::server::Params;
use crate::shared::{Shared, Stop};

/// Lines that are looked into, and fields of an answer, when nothing is said.
const LINES: usize = 1000;
const FIELDS: usize = 1000;

#[derive(Default)]
struct Field {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
}

/// `/loki/api/v1/detected_fields`.
pub(super) fn detected(params: &Params, shared: &Shared, stop: &Stop) -> Result<Value, Failure> {
    let number = |name: &str, otherwise: usize| match params.get(name) {
        None => Ok(otherwise),
        Some(text) => text
            .parse::<usize>()
            .map(|number| number.min(otherwise * 5))
            .map_err(|_| Failure::bad(format!("{name} is {text}; expected a number"))),
    };
    let (lines_max, limit) = (number("line_limit", LINES)?, number("limit", FIELDS)?);
    let now_ns = now_ns();
    let span = params::span(params, now_ns)?;
    let expr = parse(params.get("query").unwrap_or_default())?;
    let parsers = [("json", parser("json")?), ("logfmt", parser("logfmt")?)];
    let mut fields: BTreeMap<String, Field> = BTreeMap::new();
    for kept in lines(&expr, span, lines_max, shared, stop)? {
        for (name, value) in kept.metadata.iter().chain(&kept.parsed) {
            if !name.starts_with("__") {
                let field = fields.entry(name.clone()).or_default();
                field.values.insert(value.clone());
            }
        }
        for (name, parser) in &parsers {
            let found = of_line(&kept, parser, now_ns);
            let any = !found.is_empty();
            for (label, value) in found {
                let field = fields.entry(label).or_default();
                field.values.insert(value);
                field.parsers.insert(name);
            }
            if any {
                break;
            }
        }
    }
    let shown: Vec<Value> = (fields.into_iter().take(limit))
        .map(|(label, field)| {
            let parsers = (!field.parsers.is_empty()).then_some(field.parsers);
            json!({
                "label": label,
                "type": kind(&field.values),
                "cardinality": field.values.len(),
                "parsers": parsers,
            })
        })
        .collect();
    Ok(json!({"fields": shown, "limit": limit}))
}

/// A parser alone.
fn parser(name: &str) -> Result<LogQuery, Failure> {
    match parse(&format!("{{a=\"a\"}} | {name}"))? {
        Expr::Log(query) => Ok(query),
        Expr::Metric(_) => Err(Failure::bad("expected a query of lines")),
    }
}

/// What a parser finds in a line; nothing when it is not made for it.
fn of_line(kept: &Kept, parser: &LogQuery, now_ns: i64) -> Vec<(String, String)> {
    let line = LogLine {
        stream: &Labels::empty(),
        at_ns: kept.at_ns,
        line: &kept.line,
        metadata: &[],
        lifted: &[],
    };
    let parsed = Pipeline::of(parser, now_ns).run(&line);
    let parsed = parsed.map(|kept| kept.parsed).unwrap_or_default();
    if parsed.iter().any(|(name, _)| name == "__error__") {
        return Vec::new();
    }
    parsed
}

/// The narrowest type that all values have.
fn kind(values: &BTreeSet<String>) -> &'static str {
    let all = |holds: fn(&str) -> bool| values.iter().all(|value| holds(value));
    let has_unit = |value: &str| value.ends_with(|c: char| c.is_ascii_alphabetic());
    if all(|value| value.parse::<i64>().is_ok()) {
        "int"
    } else if all(|value| value.parse::<f64>().is_ok()) {
        "float"
    } else if all(|value| value.parse::<bool>().is_ok()) {
        "boolean"
    } else if values.iter().all(|value| has_unit(value)) && all(is_duration) {
        "duration"
    } else if values.iter().all(|value| has_unit(value)) && all(is_size) {
        "bytes"
    } else {
        "string"
    }
}
