//! The API of Loki 3. Source: "Loki HTTP API" of its documentation.

mod envelope;
mod fields;
mod json;
mod names;
mod params;
mod push;
mod query;
mod source;
mod tail;
mod volume;

use http::{Method, StatusCode};
use ondol_query::logql::parse;
use serde_json::{Value, json};

use crate::server::{Answer, Ask, Params};
use crate::shared::{Shared, Stop};
use envelope::{Failure, success};

/// The header by which a client asks for answers in another shape.
const ENCODING_FLAGS: &str = "x-loki-response-encoding-flags";

/// Answers for its paths.
pub(crate) async fn answer(mut ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    match parts {
        ["loki", "api", "v1", "push"] => return push::answer(ask, shared).await,
        ["loki", "api", "v1", "tail"] => return tail::answer(ask, shared),
        _ => {}
    }
    let Some(question) = Question::of(parts) else {
        return Answer::not_found(ask.path());
    };
    if ![Method::GET, Method::HEAD, Method::POST].contains(ask.method()) {
        return Answer::refused(StatusCode::METHOD_NOT_ALLOWED, "expected GET or POST");
    }
    let flags = ask.header(ENCODING_FLAGS).unwrap_or_default();
    let categorize = flags.split(',').any(|flag| flag.trim() == json::CATEGORIZE);
    let params = match ask.params().await {
        Ok(params) => params,
        Err(answer) => return answer,
    };
    let work = move |shared: &Shared, stop: &Stop| match question
        .answer(&params, categorize, shared, stop)
    {
        Ok(value) => Answer::json(StatusCode::OK, value.to_string()),
        Err(failure) => failure.answer(),
    };
    shared.answer(work).await
}

/// Answers with lines as they come, those first that are there.
pub(crate) fn follow(params: &Params, shared: &Shared) -> Answer {
    tail::lines(params, shared)
}

/// What is asked.
enum Question {
    Query,
    QueryRange,
    Labels,
    LabelValues(String),
    Series,
    IndexStats,
    Volume,
    VolumeRange,
    DetectedLabels,
    DetectedFields,
    FormatQuery,
    BuildInfo,
}

impl Question {
    fn of(parts: &[&str]) -> Option<Self> {
        let ["loki", "api", "v1", question @ ..] = parts else {
            return None;
        };
        Some(match question {
            ["query"] => Question::Query,
            ["query_range"] => Question::QueryRange,
            ["labels" | "label"] => Question::Labels,
            ["label", name, "values"] => Question::LabelValues((*name).to_owned()),
            ["series"] => Question::Series,
            ["index", "stats"] => Question::IndexStats,
            ["index", "volume"] => Question::Volume,
            ["index", "volume_range"] => Question::VolumeRange,
            ["detected_labels"] => Question::DetectedLabels,
            ["detected_fields"] => Question::DetectedFields,
            ["format_query"] => Question::FormatQuery,
            ["status", "buildinfo"] => Question::BuildInfo,
            _ => return None,
        })
    }

    fn answer(
        &self,
        params: &Params,
        categorize: bool,
        shared: &Shared,
        stop: &Stop,
    ) -> Result<Value, Failure> {
        match self {
            Question::Query => query::instant(params, categorize, shared, stop),
            Question::QueryRange => query::range(params, categorize, shared, stop),
            Question::Labels => names::labels(params, shared),
            Question::LabelValues(name) => names::values(name, params, shared),
            Question::Series => names::series(params, shared),
            Question::IndexStats => names::stats(params, shared),
            Question::Volume => volume::instant(params, shared, stop),
            Question::VolumeRange => volume::range(params, shared, stop),
            Question::DetectedLabels => names::detected(params, shared),
            Question::DetectedFields => fields::detected(params, shared, stop),
            Question::FormatQuery => {
                let expr = parse(params.get("query").unwrap_or_default())?;
                Ok(success(&json!(expr.to_string())))
            }
            Question::BuildInfo => Ok(json!({
                // Tools decide by it which parts of the language and of the API they may use.
                "version": "3.5.0",
                "revision": format!("ondol-{}", shared.settings.version),
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            })),
        }
    }
}
