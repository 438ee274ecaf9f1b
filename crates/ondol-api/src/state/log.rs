use ondol_model::ServiceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A line that a replica wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When.
    pub at_unix_ms: u64,
    /// Its service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// The replica: `web-1`.
    pub replica: String,
    /// Which start of it, by number.
    pub run: u64,
    /// Where it was written.
    pub stream: LogStream,
    /// The line goes on in the next one of this replica and stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The text, with what is not UTF-8 replaced.
    pub text: String,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Said by Ondol about the replica.
    Ondol,
}
