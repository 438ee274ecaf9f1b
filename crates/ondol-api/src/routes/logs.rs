use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use ondol_model::ServiceName;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::Query;
use crate::error::ErrorBody;
use crate::{ApiError, Door, LogLine, LogQuery, Request, reading};

/// Lines on their way to one who reads slowly; the node's reader waits when there are more.
const LINES_MAX: usize = 256;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsQuery {
    /// Only of these services, with commas between them.
    services: Option<String>,
    /// Only of this replica (`web-1`).
    replica: Option<String>,
    /// Only from this moment (milliseconds since 1970) on.
    since_unix_ms: Option<u64>,
    /// The last so many lines of each replica; all that are kept when left out.
    tail: Option<u32>,
    /// Go on with what is written from now on.
    #[serde(default)]
    follow: bool,
}

/// What replicas wrote, merged by time: one JSON object per line
#[utoipa::path(get, path = "/v1/projects/{project}/logs", operation_id = "logs", params(("project" = String, Path), LogsQuery),
    responses((status = 200, body = LogLine, content_type = "application/x-ndjson"), (status = 404, body = ErrorBody)))]
pub(crate) async fn read(
    State(door): State<Door>,
    Path(project): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let project = reading::project(&door, &project)?;
    let mut services: Vec<ServiceName> = Vec::new();
    for name in query.services.iter().flat_map(|names| names.split(',')) {
        services.push(reading::service(&project, name)?.name.clone());
    }
    let replica = query.replica.map(|name| reading::replica(&project, &name));
    let query = LogQuery {
        project: project.name.clone(),
        services,
        replica: replica.transpose()?.map(|(id, _)| id),
        since_unix_ms: query.since_unix_ms,
        tail: query.tail,
        follow: query.follow,
    };
    let (sender, lines) = mpsc::channel(LINES_MAX);
    let asked = Request::Logs {
        query,
        lines: sender,
    };
    let sent = door.requests.send(asked).await;
    sent.map_err(|_| ApiError::node_gone())?;
    let body = Body::from_stream(ReceiverStream::new(lines).map(|line| to_bytes(&line)));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn to_bytes(line: &LogLine) -> Result<Bytes, serde_json::Error> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}
