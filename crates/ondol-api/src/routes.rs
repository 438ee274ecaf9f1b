//! One function per route. Each finds what is named, asks the node or reads its state, and answers.

pub(crate) mod cache;
pub(crate) mod edge;
pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod projects;
pub(crate) mod replicas;
pub(crate) mod services;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request};
use axum::routing::{get, post, put};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ApiError, Door, ErrorCode};

/// A project with every file that it grants inlined.
const PROJECT_BYTES_MAX: usize = 16 << 20;
const BODY_BYTES_MAX: usize = 256 << 10;

/// Every route of the API.
pub(crate) fn router(door: Door) -> Router {
    let project = get(projects::show)
        .delete(projects::down)
        .merge(put(projects::apply).layer(DefaultBodyLimit::max(PROJECT_BYTES_MAX)));
    Router::new()
        .route("/v1/node", get(node::status))
        .route("/v1/node/shutdown", post(node::shutdown))
        .route("/v1/doctor", get(node::doctor))
        .route("/v1/openapi.json", get(node::openapi))
        .route("/v1/events", get(events::list))
        .route("/v1/events/stream", get(events::stream))
        .route("/v1/routes", get(edge::list))
        .route("/v1/cache", get(cache::show))
        .route("/v1/cache/purge", post(cache::purge))
        .route("/v1/projects", get(projects::list))
        .route("/v1/projects/{project}", project)
        .route("/v1/projects/{project}/stream", get(projects::stream))
        .route("/v1/projects/{project}/revisions", get(projects::revisions))
        .route("/v1/projects/{project}/usage", get(projects::usage))
        .route("/v1/projects/{project}/readings", get(projects::readings))
        .route("/v1/projects/{project}/logs", get(logs::read))
        .route("/v1/projects/{project}/scale", post(services::scale))
        .route("/v1/projects/{project}/stop", post(services::stop))
        .route("/v1/projects/{project}/start", post(services::start))
        .route("/v1/projects/{project}/restart", post(services::restart))
        .route("/v1/projects/{project}/rebuild", post(services::rebuild))
        .route(
            "/v1/projects/{project}/services/{service}",
            get(services::show),
        )
        .route(
            "/v1/projects/{project}/services/{service}/why",
            get(services::why),
        )
        .route(
            "/v1/projects/{project}/services/{service}/runs",
            post(services::run),
        )
        .route(
            "/v1/projects/{project}/replicas/{replica}",
            get(replicas::show).delete(replicas::forget),
        )
        .route(
            "/v1/projects/{project}/replicas/{replica}/kill",
            post(replicas::kill),
        )
        .route(
            "/v1/projects/{project}/replicas/{replica}/exec",
            get(replicas::exec_target),
        )
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(door)
}

/// An answer in JSON.
pub(crate) type Answer<T> = Result<axum::Json<T>, ApiError>;

pub(crate) fn answer<T: Serialize>(value: T) -> Answer<T> {
    Ok(axum::Json(value))
}

/// A body in JSON; one that does not fit is refused in our words.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = axum::Json::<T>::from_request(request, state).await;
        body.map(|axum::Json(value)| Body(value))
            .map_err(|refused| unfit(refused.status(), refused.body_text()))
    }
}

/// What stands behind the `?`; what does not fit is refused in our words.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|refused| unfit(refused.status(), refused.body_text()))
    }
}

fn unfit(status: StatusCode, why: String) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let hint = format!("a project takes at most {} MiB", PROJECT_BYTES_MAX >> 20);
        return ApiError::new(ErrorCode::TooLarge, "the body is too large").hint(hint);
    }
    ApiError::new(ErrorCode::Invalid, why)
}

async fn no_route(uri: http::Uri) -> ApiError {
    let message = format!("there is no route {}", uri.path());
    ApiError::new(ErrorCode::NotFound, message).hint("the routes are listed at /v1/openapi.json")
}

async fn no_method(method: http::Method, uri: http::Uri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError::new(ErrorCode::Invalid, message).hint("the routes are listed at /v1/openapi.json")
}
