//! The query API of Jaeger, as its page and Grafana ask it.
//!
//! Source: the handlers of `jaeger-query` and the types of `model/json`, version 1 and 2 (both answer `/api` the same).

mod ask;
mod json;
mod names;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, Ask, Params};
use crate::shared::{Shared, Stop};
use crate::traces;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    if ![Method::GET, Method::HEAD].contains(ask.method()) {
        return failed(StatusCode::METHOD_NOT_ALLOWED, "expected GET");
    }
    let Some(question) = Question::of(parts) else {
        return Answer::not_found(ask.path());
    };
    let params = ask.query();
    let work = move |shared: &Shared, stop: &Stop| match question.answer(&params, shared, stop) {
        Ok(data) => done(&data),
        Err(answer) => answer,
    };
    shared.answer(work).await
}

/// What is asked.
enum Question {
    Services,
    OperationNames(String),
    Operations,
    Traces,
    Trace(String),
    Dependencies,
}

impl Question {
    fn of(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            ["api", "services"] => Question::Services,
            ["api", "services", service, "operations"] => {
                Question::OperationNames((*service).to_owned())
            }
            ["api", "operations"] => Question::Operations,
            ["api", "traces"] => Question::Traces,
            ["api", "traces", id] => Question::Trace((*id).to_owned()),
            ["api", "dependencies"] => Question::Dependencies,
            _ => return None,
        })
    }

    fn answer(&self, params: &Params, shared: &Shared, stop: &Stop) -> Result<Value, Answer> {
        match self {
            Question::Services => names::services(shared),
            Question::OperationNames(service) => names::operation_names(service, shared),
            Question::Operations => names::operations(params, shared),
            Question::Dependencies => names::dependencies(params, shared),
            Question::Trace(id) => trace(id, shared).map(|trace| json!([trace])),
            Question::Traces => {
                let ids: Vec<&str> = params.all("traceID").collect();
                if !ids.is_empty() {
                    let found = ids.into_iter().filter_map(|id| trace(id, shared).ok());
                    return Ok(found.collect());
                }
                let search = ask::search(params, crate::clock::now_ms()).map_err(bad)?;
                let found =
                    traces::search(&search, shared, stop).map_err(|e| Answer::not_stored(&e))?;
                Ok(found.iter().map(json::trace).collect())
            }
        }
    }
}

fn trace(id: &str, shared: &Shared) -> Result<Value, Answer> {
    let id = u128::from_str_radix(id, 16).map_err(|_| {
        bad(format!(
            "cannot parse trace id {id:?}: expected 32 hexadecimal digits"
        ))
    })?;
    let found = traces::trace(id, shared).map_err(|error| Answer::not_stored(&error))?;
    let found = found.filter(|trace| !trace.spans.is_empty());
    found
        .map(|trace| json::trace(&trace))
        .ok_or_else(|| failed(StatusCode::NOT_FOUND, "trace not found"))
}

/// What every answer is wrapped in.
fn done(data: &Value) -> Answer {
    let total = data.as_array().map_or(0, Vec::len);
    let body = json!({ "data": data, "total": total, "limit": 0, "offset": 0, "errors": null });
    Answer::json(StatusCode::OK, body.to_string())
}

fn bad(why: impl Into<String>) -> Answer {
    failed(StatusCode::BAD_REQUEST, &why.into())
}

fn failed(status: StatusCode, why: &str) -> Answer {
    let errors = json!([{ "code": status.as_u16(), "msg": why }]);
    let body = json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors });
    Answer::json(status, body.to_string())
}
