//! The query API of Prometheus 3, its remote write, and federation. Errors are said in its words: tools look for them.
//!
//! Source: "HTTP API" of the Prometheus documentation, version 3.

mod cardinality;
mod envelope;
mod federate;
pub(crate) mod json;
mod language;
mod metadata;
pub(crate) mod moment;
mod names;
mod query;
mod status;
mod targets;
mod write;

use http::Method;

use crate::server::{Answer, Ask, Params};
use crate::shared::{Shared, Stop};
use envelope::{Done, Failure};
pub(crate) use moment::rfc3339 as rfc3339_ms;
pub(crate) use query::evaluated;

/// Answers for its paths.
pub(crate) async fn answer(mut ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    if parts == ["api", "v1", "write"] && ask.method() == Method::POST {
        return write::answer(ask, shared).await;
    }
    let Some(question) = Question::of(parts) else {
        return Answer::not_found(ask.path());
    };
    if ![Method::GET, Method::HEAD, Method::POST].contains(ask.method()) {
        return Answer::refused(http::StatusCode::METHOD_NOT_ALLOWED, "expected GET or POST");
    }
    let params = match ask.params().await {
        Ok(params) => params,
        Err(answer) => return answer,
    };
    let work = move |shared: &Shared, stop: &Stop| question.answer(&params, shared, stop);
    shared.answer(work).await
}

/// What is asked.
enum Question {
    Query,
    QueryRange,
    Labels,
    LabelValues(String),
    Series,
    Federate,
    FormatQuery,
    Metadata,
    Exemplars,
    Targets,
    ScrapePools,
    Status(String),
}

impl Question {
    fn of(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            ["federate"] => Question::Federate,
            ["api", "v1", "query"] => Question::Query,
            ["api", "v1", "query_range"] => Question::QueryRange,
            ["api", "v1", "labels"] => Question::Labels,
            ["api", "v1", "label", name, "values"] => Question::LabelValues((*name).to_owned()),
            ["api", "v1", "series"] => Question::Series,
            ["api", "v1", "format_query"] => Question::FormatQuery,
            ["api", "v1", "metadata"] => Question::Metadata,
            ["api", "v1", "query_exemplars"] => Question::Exemplars,
            ["api", "v1", "targets"] => Question::Targets,
            ["api", "v1", "scrape_pools"] => Question::ScrapePools,
            ["api", "v1", "status", what] if status::is_known(what) => {
                Question::Status((*what).to_owned())
            }
            _ => return None,
        })
    }

    fn answer(&self, params: &Params, shared: &Shared, stop: &Stop) -> Answer {
        let done: Result<Done, Failure> = match self {
            Question::Query => query::instant(params, shared, stop),
            Question::QueryRange => query::range(params, shared, stop),
            Question::Labels => names::labels(params, shared),
            Question::LabelValues(name) => names::values(name, params, shared),
            Question::Series => names::series(params, shared),
            Question::FormatQuery => language::format(params),
            Question::Metadata => metadata::metadata(params, shared),
            Question::Exemplars => language::exemplars(params, shared),
            Question::Targets => Ok(targets::targets(params, shared)),
            Question::ScrapePools => Ok(targets::pools(shared)),
            Question::Status(what) => status::of(what, params, shared),
            Question::Federate => return federate::answer(params, shared, stop),
        };
        envelope::answer(done)
    }
}
