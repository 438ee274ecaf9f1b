//! Why an alert fires: what its query compared over time, and the series that it stands on.

use std::collections::BTreeMap;

use http::StatusCode;
use ondol_alert::wire::fingerprint;
use ondol_alert::{Alert, Rule};
use ondol_query::promql::{BinaryOp, Expr, Features, Outcome, Query, Series, parse};
use ondol_query::{METRIC_NAME, Sample, Value};
use serde_json::{Value as Json, json};

use super::api::{json_of, refused};
use crate::clock;
use crate::prometheus::evaluated;
use crate::server::{Answer, Params};
use crate::shared::{Shared, Stop};

/// Alerts that are explained at once.
const ALERTS_MAX: usize = 10;
/// Series that one selector shows.
const SERIES_MAX: usize = 10;
/// Selectors of one query that are shown.
const PARTS_MAX: usize = 6;
/// Values that are shown of the time.
const STEPS: i64 = 30;
/// How far back of an alert's beginning is shown.
const BEFORE_MS: i64 = 5 * 60 * 1000;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The alerts of a name (and, if it is given, of a fingerprint).
pub(super) fn answer(params: &Params, shared: &Shared, stop: &Stop) -> Answer {
    let name = params.get("name").unwrap_or_default();
    let is_meant = |rule: &Rule, alert: &Alert| {
        rule.name == name || fingerprint(&alert.labels).starts_with(name)
    };
    let found: Vec<(Rule, Alert)> = shared.alerts.look(|machine| {
        let alerts = machine
            .alerts()
            .filter(|(rule, alert)| !name.is_empty() && is_meant(rule, alert));
        alerts
            .take(ALERTS_MAX)
            .map(|(rule, alert)| (rule.clone(), alert.clone()))
            .collect()
    });
    if found.is_empty() {
        let rule = shared.alerts.look(|machine| {
            let mut rules = machine.groups().iter().flat_map(|group| group.rules());
            rules
                .find(|(rule, _)| rule.name == name)
                .map(|(rule, _)| rule.expr.clone())
        });
        return match rule {
            Some(expr) => json_of(StatusCode::OK, &json!({"rule": expr, "alerts": []})),
            None => refused(
                StatusCode::NOT_FOUND,
                "there is no rule or alert of this name",
            ),
        };
    }
    let told = found
        .iter()
        .map(|(rule, alert)| why(rule, alert, shared, stop));
    let body = json!({"rule": found[0].0.expr, "alerts": told.collect::<Vec<_>>()});
    json_of(StatusCode::OK, &body)
}

fn why(rule: &Rule, alert: &Alert, shared: &Shared, stop: &Stop) -> Json {
    let end_ms = alert.resolved_at_ms.unwrap_or_else(clock::now_ms);
    let begin_ms = alert.active_at_ms - BEFORE_MS;
    let step_ms = ((end_ms - begin_ms) / STEPS).max(1_000);
    let mut told = json!({
        "name": rule.name,
        "state": alert.state.name(),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "value": alert.value,
        "active_at": ondol_alert::calendar::rfc3339(alert.active_at_ms),
        "from_ms": begin_ms,
        "to_ms": end_ms,
    });
    let Ok(expr) = parse(&rule.expr, Features::STABLE) else {
        return told;
    };
    let (left, bound) = compared(&expr);
    told["compared"] = json!(left.to_string());
    told["bound"] = json!(bound);
    let history = Query::range(left, begin_ms, end_ms, step_ms);
    if let (Ok(answer), _) = evaluated(history, shared, stop, PATIENCE)
        && let Outcome::Matrix(series) = answer.outcome
    {
        let own = series.iter().find(|series| is_of(series, alert));
        told["history"] = own
            .map(|series| values(&series.samples))
            .unwrap_or_default();
    }
    let mut parts = Vec::new();
    parts_of(left, &mut parts);
    let parts = parts.into_iter().take(PARTS_MAX);
    told["stands_on"] = parts
        .map(|part| stands_on(part, alert, end_ms, shared, stop))
        .collect();
    told
}

/// Whether a series can have been part of an alert: no label of both has two values.
fn is_of(series: &Series, alert: &Alert) -> bool {
    let same = |label: &ondol_query::Label| {
        let value = alert.series.get(&*label.name);
        &*label.name == METRIC_NAME || value.is_none_or(|value| **value == *label.value)
    };
    series.labels.iter().all(same)
}

/// What series are taken as: a selector, or a function over a range of one.
fn parts_of<'a>(expr: &'a Expr, parts: &mut Vec<&'a Expr>) {
    match expr {
        Expr::Vector(_) => parts.push(expr),
        Expr::Call(call) if call.args.iter().any(|arg| matches!(arg, Expr::Matrix(_))) => {
            parts.push(expr)
        }
        Expr::Call(call) => call.args.iter().for_each(|arg| parts_of(arg, parts)),
        Expr::Subquery(subquery) => parts_of(&subquery.expr, parts),
        Expr::Aggregate(aggregate) => parts_of(&aggregate.expr, parts),
        Expr::Binary(binary) => {
            parts_of(&binary.left, parts);
            parts_of(&binary.right, parts);
        }
        Expr::Unary(unary) => parts_of(&unary.expr, parts),
        Expr::Paren(paren) => parts_of(&paren.expr, parts),
        Expr::Number(_) | Expr::String(_) | Expr::Matrix(_) => {}
    }
}

/// The series of a part, the largest first.
fn stands_on(part: &Expr, alert: &Alert, at_ms: i64, shared: &Shared, stop: &Stop) -> Json {
    let (answer, _) = evaluated(Query::instant(part, at_ms), shared, stop, PATIENCE);
    let series = match answer.map(|answer| answer.outcome) {
        Ok(Outcome::Vector(series)) => series,
        _ => Vec::new(),
    };
    let number = |series: &Series| match series.samples.last().map(|sample| &sample.value) {
        Some(Value::Float(value)) => Some(*value),
        _ => None,
    };
    let own = series.iter().filter(|series| is_of(series, alert));
    let mut own: Vec<(f64, &Series)> = own
        .filter_map(|series| Some((number(series)?, series)))
        .collect();
    own.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = own.len();
    let shown = own.into_iter().take(SERIES_MAX).map(|(value, series)| {
        let labels = series.labels.iter();
        let labels: BTreeMap<&str, &str> =
            labels.map(|label| (&*label.name, &*label.value)).collect();
        json!({"labels": labels, "value": value})
    });
    json!({"expr": part.to_string(), "count": count, "series": shown.collect::<Vec<_>>()})
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(
        op,
        Equal | Greater | GreaterEqual | Less | LessEqual | NotEqual
    )
}

/// What stands left of the outermost comparison, and what stands right of it.
fn compared(expr: &Expr) -> (&Expr, Option<String>) {
    match expr {
        Expr::Paren(paren) => compared(&paren.expr),
        Expr::Binary(binary) if is_comparison(binary.op) => {
            let bound = format!("{} {}", binary.op.as_str(), binary.right);
            (&binary.left, Some(bound))
        }
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) => {
            compared(&binary.left)
        }
        other => (other, None),
    }
}

fn values(samples: &[Sample]) -> Json {
    let values = samples.iter().filter_map(|sample| match &sample.value {
        Value::Float(value) if value.is_finite() => Some(json!([sample.time_ms, value])),
        _ => None,
    });
    values.collect()
}
