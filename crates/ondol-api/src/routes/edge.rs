use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Answer, Query, answer};
use crate::error::ErrorBody;
use crate::{Door, Request, RouteAsk, RouteState};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoutesQuery {
    /// Tells what becomes of a request for this: `http://shop.example:8080/api?x=1`.
    url: Option<String>,
    /// Its method (GET).
    #[serde(default)]
    method: String,
    /// Its headers, `Name: value`, one for each line.
    #[serde(default)]
    headers: String,
}

/// Routes of the edge, the best first, and what becomes of a request there
#[utoipa::path(get, path = "/v1/routes", operation_id = "list_routes", params(RoutesQuery),
    responses((status = 200, body = Vec<RouteState>), (status = 400, body = ErrorBody)))]
pub(crate) async fn list(
    State(door): State<Door>,
    Query(query): Query<RoutesQuery>,
) -> Answer<Vec<RouteState>> {
    let RoutesQuery {
        url,
        method,
        headers,
    } = query;
    let ask = url.map(|url| RouteAsk {
        url,
        method,
        headers,
    });
    answer(door.ask(|reply| Request::Routes { ask, reply }).await?)
}
