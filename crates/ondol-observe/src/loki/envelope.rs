//! What answers are wrapped in, and why there is none.

use http::StatusCode;
use ondol_query::SourceError;
use ondol_query::logql::{EvalError, ParseError};
use ondol_telemetry::StoreError;
use serde_json::{Value, json};

use super::source::refused;
use crate::server::Answer;

/// Why there is no answer: Loki says it as plain text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    why: String,
}

impl Failure {
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Failure {
            status: StatusCode::BAD_REQUEST,
            why: why.into(),
        }
    }

    /// `timed_out` says why a query was stopped.
    pub(super) fn of_evaluation(error: &EvalError, timed_out: bool) -> Self {
        let status = match error {
            EvalError::Stopped if timed_out => StatusCode::GATEWAY_TIMEOUT,
            EvalError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            error if error.is_of_query() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure {
            status,
            why: error.to_string(),
        }
    }

    pub(super) fn answer(self) -> Answer {
        Answer::refused(self.status, self.why)
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        Failure::bad(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let error = refused(error);
        let status = match error {
            SourceError::TooMuch { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure {
            status,
            why: error.to_string(),
        }
    }
}

/// An answer with its data.
pub(super) fn success(data: &Value) -> Value {
    json!({"status": "success", "data": data})
}
