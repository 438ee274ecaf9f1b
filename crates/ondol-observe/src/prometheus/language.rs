//! `/api/v1/format_query` and `/api/v1/query_exemplars`.

use std::collections::BTreeMap;

use ondol_query::promql::{Expr, Features, parse};
use ondol_query::{Labels, Matcher};
use serde_json::json;

use super::envelope::{Done, Failure};
use super::{json as write, moment};
use crate::server::Params;
use crate::shared::Shared;

/// The query as it would be printed.
pub(super) fn format(params: &Params) -> Result<Done, Failure> {
    let expr = expr(params)?;
    Ok(Done::of_value(&json!(expr.to_string())))
}

/// Exemplars of the series that the selectors of a query match.
pub(super) fn exemplars(params: &Params, shared: &Shared) -> Result<Done, Failure> {
    let bound = |name, otherwise| match params.get(name) {
        Some(text) => moment::moment(name, text),
        None => Ok(otherwise),
    };
    let (start_ms, end_ms) = (bound("start", i64::MIN)?, bound("end", i64::MAX)?);
    if end_ms < start_ms {
        return Err(Failure::bad(
            "end timestamp must not be before start timestamp",
        ));
    }
    let expr = expr(params)?;
    let mut selectors = Vec::new();
    collect(&expr, &mut selectors);
    let mut found: BTreeMap<Labels, Vec<u8>> = BTreeMap::new();
    let samples = shared.stores.samples.read();
    for (labels, exemplar) in samples.exemplars() {
        let matches = |matchers: &&[Matcher]| matchers.iter().all(|m| m.matches_labels(&labels));
        if !(start_ms..=end_ms).contains(&exemplar.at_ms) || !selectors.iter().any(matches) {
            continue;
        }
        let list = found.entry(labels).or_default();
        list.extend_from_slice(if list.is_empty() { b"" } else { b"," });
        list.extend_from_slice(br#"{"labels":"#);
        let pairs: Vec<(&str, &str)> = (exemplar.labels.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        write::labels(&Labels::of(&pairs), list);
        list.extend_from_slice(br#","value":"#);
        write::number(exemplar.value, list);
        list.extend_from_slice(br#","timestamp":"#);
        write::moment(exemplar.at_ms, list);
        list.push(b'}');
    }
    let mut data = b"[".to_vec();
    for (labels, list) in &found {
        data.extend_from_slice(if data.len() > 1 { b"," } else { b"" });
        data.extend_from_slice(br#"{"seriesLabels":"#);
        write::labels(labels, &mut data);
        data.extend_from_slice(br#","exemplars":["#);
        data.extend_from_slice(list);
        data.extend_from_slice(b"]}");
    }
    data.push(b']');
    Ok(Done::of(data))
}

fn expr(params: &Params) -> Result<Expr, Failure> {
    let text = params.get("query").unwrap_or_default();
    parse(text, Features::STABLE).map_err(|error| Failure::of_query(&error))
}

/// The matchers of each selector.
fn collect<'e>(expr: &'e Expr, into: &mut Vec<&'e [Matcher]>) {
    match expr {
        Expr::Vector(selector) => into.push(&selector.matchers),
        Expr::Matrix(matrix) => into.push(&matrix.vector.matchers),
        Expr::Paren(paren) => collect(&paren.expr, into),
        Expr::Unary(unary) => collect(&unary.expr, into),
        Expr::Subquery(subquery) => collect(&subquery.expr, into),
        Expr::Binary(binary) => {
            collect(&binary.left, into);
            collect(&binary.right, into);
        }
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &aggregate.parameter {
                collect(parameter, into);
            }
            collect(&aggregate.expr, into);
        }
        Expr::Call(call) => {
            for argument in &call.args {
                collect(argument, into);
            }
        }
        Expr::Number(_) | Expr::String(_) => {}
    }
}
