//! What every answer is wrapped in, and what kinds of failure there are.

use http::StatusCode;
use ondol_query::SourceError;
use ondol_query::promql::{EvalError, ParseError};
use serde_json::json;

use crate::server::Answer;

/// An answer's data, as JSON, and what there is to say about it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) data: Vec<u8>,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Done {
    pub(super) fn of(data: impl Into<Vec<u8>>) -> Self {
        Done {
            data: data.into(),
            ..Done::default()
        }
    }

    pub(super) fn of_value(value: &serde_json::Value) -> Self {
        Done::of(value.to_string())
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    kind: Kind,
    why: String,
}

/// `errorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::BadData => "bad_data",
            Kind::Execution => "execution",
            Kind::Canceled => "canceled",
            Kind::Timeout => "timeout",
            Kind::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Kind::BadData => StatusCode::BAD_REQUEST,
            Kind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            // Nobody reads it: the one who asked has gone.
            Kind::Canceled | Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Failure {
    pub(super) fn new(kind: Kind, why: impl Into<String>) -> Self {
        let why = why.into();
        Failure { kind, why }
    }

    pub(super) fn bad(why: impl Into<String>) -> Self {
        Failure::new(Kind::BadData, why)
    }

    /// A parameter that is not what it should be.
    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Failure::bad(format!("invalid parameter \"{name}\": {why}"))
    }

    pub(super) fn of_query(error: &ParseError) -> Self {
        Failure::parameter("query", error)
    }

    /// A query that was not answered; `timed_out` says why it was stopped.
    pub(super) fn of_evaluation(error: &EvalError, timed_out: bool) -> Self {
        let kind = match error {
            EvalError::Stopped if timed_out => {
                return Failure::new(Kind::Timeout, "query timed out in expression evaluation");
            }
            EvalError::Stopped => Kind::Canceled,
            EvalError::Source(error) => return Failure::of_source(error),
            EvalError::Failed(_) | EvalError::TooManySamples => Kind::Execution,
        };
        Failure::new(kind, error.to_string())
    }

    pub(super) fn of_source(error: &SourceError) -> Self {
        let kind = match error {
            SourceError::TooMuch { .. } => Kind::Execution,
            SourceError::Stopped => Kind::Canceled,
            SourceError::Broken(_) => Kind::Internal,
        };
        Failure::new(kind, error.to_string())
    }

    pub(super) fn answer(&self) -> Answer {
        let body = json!({
            "status": "error",
            "errorType": self.kind.word(),
            "error": self.why,
        });
        Answer::json(self.kind.status(), body.to_string())
    }
}

pub(super) fn answer(done: Result<Done, Failure>) -> Answer {
    let Done {
        data,
        warnings,
        infos,
    } = match done {
        Ok(done) => done,
        Err(failure) => return failure.answer(),
    };
    let mut body = br#"{"status":"success","data":"#.to_vec();
    body.extend(data);
    for (name, texts) in [("warnings", warnings), ("infos", infos)] {
        if !texts.is_empty() {
            body.extend_from_slice(format!(",\"{name}\":{}", json!(texts)).as_bytes());
        }
    }
    body.push(b'}');
    Answer::json(StatusCode::OK, body)
}
