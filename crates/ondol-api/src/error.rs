use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why the node did not do what was asked: a code to branch on, a sentence to read, a hint to act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// What kind of reason it is.
    pub code: ErrorCode,
    /// What happened and what was expected.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What of the project's files each reason comes from, where it comes from them: all reasons at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// One thing in a project's files that keeps it from being run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// What it is about.
    pub kind: CauseKind,
    /// The keys that lead to it in the file (`services`, `web`, `ports`, `8080`); an entry of a list goes by its
    /// text, or by its `target`, `source` or `published`.
    pub at: Vec<String>,
    /// What happened and what was expected.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Kinds of [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// A port of the machine that somebody else has, or that this user may not open.
    PortUnavailable,
    /// A route of the edge that another project has.
    RouteTaken,
    /// A program that is nowhere.
    MissingProgram,
    /// A file, folder or volume that is not there or cannot be read.
    BadMount,
    /// Sources or a Dockerfile that cannot be followed.
    BadBuild,
    /// An image that no process stands for, or a service without anything to run.
    NothingToRun,
}

impl CauseKind {
    /// Its stable name, the same as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            CauseKind::PortUnavailable => "port-unavailable",
            CauseKind::RouteTaken => "route-taken",
            CauseKind::MissingProgram => "missing-program",
            CauseKind::BadMount => "bad-mount",
            CauseKind::BadBuild => "bad-build",
            CauseKind::NothingToRun => "nothing-to-run",
        }
    }
}

/// Kinds of reasons, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the question cannot be understood.
    Invalid,
    /// 404: no such project, service, replica or route.
    NotFound,
    /// 409: it cannot be done as things are now (a port that is in use, a replica that does not run).
    Conflict,
    /// 413: the body is larger than the route takes.
    TooLarge,
    /// 500: something that should not happen.
    Internal,
    /// 503: the node is starting, leaving or too busy.
    Unavailable,
    /// 507: the node cannot write its state.
    Storage,
}

/// How an error travels: `{"error": {...}}`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorBody {
    pub(crate) error: ApiError,
}

impl ErrorCode {
    fn status(self) -> StatusCode {
        match self {
            ErrorCode::Invalid => StatusCode::BAD_REQUEST,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Storage => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

impl ApiError {
    /// An error without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ApiError {
            code,
            message: message.into(),
            hint: None,
            causes: Vec::new(),
        }
    }

    /// Everything that keeps a project from being run; `None` when that is nothing.
    pub fn of_causes(causes: Vec<Cause>) -> Option<Self> {
        let first = causes.first()?;
        let more = match causes.len() {
            1 => String::new(),
            2 => "; and one thing more".to_owned(),
            all => format!("; and {} things more", all - 1),
        };
        let message = format!("{}{more}", first.message);
        let hint = first.hint.clone();
        Some(ApiError {
            hint,
            causes,
            ..ApiError::new(ErrorCode::Conflict, message)
        })
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The node is not there to answer.
    pub(crate) fn node_gone() -> Self {
        ApiError::new(ErrorCode::Unavailable, "the node is leaving").hint("try again in a moment")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.code.status(), Json(ErrorBody { error: self })).into_response()
    }
}
