use axum::extract::{ConnectInfo, State};
use http::header::CONTENT_TYPE;

use super::{Answer, answer};
use crate::caller::Caller;
use crate::{Accepted, ApiError, Door, Finding, NodeStatus, Request};

/// The node about itself
#[utoipa::path(get, path = "/v1/node", responses((status = 200, body = NodeStatus)))]
pub(crate) async fn status(State(door): State<Door>) -> Answer<NodeStatus> {
    answer(door.ask(|reply| Request::Status { reply }).await?)
}

/// Let the node leave; services and traffic go on
#[utoipa::path(post, path = "/v1/node/shutdown", responses((status = 200, body = Accepted)))]
pub(crate) async fn shutdown(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
) -> Answer<Accepted> {
    let by = caller.words();
    door.ask(|reply| Request::Shutdown { by, reply }).await?;
    answer(Accepted {})
}

/// What this machine lets the node do, and what not
#[utoipa::path(get, path = "/v1/doctor", responses((status = 200, body = Vec<Finding>)))]
pub(crate) async fn doctor(State(door): State<Door>) -> Answer<Vec<Finding>> {
    answer(door.ask(|reply| Request::Doctor { reply }).await?)
}

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", responses((status = 200, description = "OpenAPI 3.1")))]
pub(crate) async fn openapi()
-> Result<([(http::HeaderName, &'static str); 1], &'static str), ApiError> {
    let document = include_str!("../../openapi.json");
    Ok(([(CONTENT_TYPE, "application/json")], document))
}
